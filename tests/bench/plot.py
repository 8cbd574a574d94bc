"""Line charts as SVG, readable on light and dark pages, on a phone and on a desk."""
from __future__ import annotations

import math
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 480, 340
LEFT, RIGHT, BOTTOM = 64, 16, 48  # room for labels; the legend takes what it needs at the top
# Colours that people with any colour vision tell apart; the marks differ as well.
STYLE = """
text { font: 14px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 16px }
.page { fill: #ffffff } .grid { stroke: #d8dee4; stroke-width: 1 } .event { stroke: #8c959f; stroke-width: 1; stroke-dasharray: 3 3 }
.line { fill: none; stroke-width: 2.2; stroke-linejoin: round } .mark { stroke: none }
.s0 { --c: #0a5bd3 } .s1 { --c: #c2410c } .s2 { --c: #6e7781 } .s3 { --c: #0f7b3e } .s4 { --c: #8250df } .s5 { --c: #b4236b }
.line { stroke: var(--c) } .dashed { stroke-dasharray: 6 4 } .mark { fill: var(--c) }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .page { fill: #0d1117 } .grid { stroke: #30363d } .event { stroke: #7d8590 }
  .s0 { --c: #6cb0ff } .s1 { --c: #ff9955 } .s2 { --c: #9ea7b3 } .s3 { --c: #56d364 } .s4 { --c: #c9a5ff } .s5 { --c: #ff8cc0 }
}
"""
Line = list[tuple[float, float]]


def number(value: float) -> str:
    """As it stands at an axis."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"


def size(value: float) -> str:
    for unit, factor in (("MB", 1e6), ("KB", 1e3)):
        if value >= factor:
            return f"{value / factor:g} {unit}"
    return f"{value:g} B"


class Axis:
    """From values to pixels; logarithmic, or linear from zero."""

    def __init__(self, values: list[float], begin: float, end: float, log: bool, ticks: list[float] | None = None) -> None:
        self.begin, self.end, self.log = begin, end, log
        low, high = (min(values), max(values)) if log else (0, max(values) or 1)
        self.ticks = ticks or (self._decades(low, high) if log else self._steps(high))
        if ticks is None and not log:
            high = max(high, self.ticks[-1])
        if log:  # a little more than the data, so that no mark stands on the frame
            low, high = min(low, self.ticks[0]) / 1.06, max(high, self.ticks[-1]) * 1.06
        self.low, self.high = self._scale(low), self._scale(high)

    def _scale(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def at(self, value: float) -> float:
        return self.begin + (self.end - self.begin) * (self._scale(value) - self.low) / ((self.high - self.low) or 1)

    @staticmethod
    def _decades(low: float, high: float) -> list[float]:
        """Powers of ten; with 3, or 2 and 5, between them where there are few. The ends may lie a little outside of the data."""
        for parts in ((1,), (1, 3), (1, 2, 5)):
            ticks = [part * 10.0**power for power in range(-4, 10) for part in parts if low / 1.6 <= part * 10.0**power <= high * 1.6]
            if len(ticks) >= 3:
                break
        return ticks

    @staticmethod
    def _steps(high: float) -> list[float]:
        step = next(part * 10.0**power for power in range(-4, 10) for part in (1, 2, 2.5, 5) if part * 10.0**power * 5 >= high)
        return [step * i for i in range(math.ceil(high / step - 1e-9) + 1)]


def _mark(kind: int, x: float, y: float) -> str:
    """A circle, a square, a diamond, a triangle."""
    match kind % 4:
        case 0:
            return f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        case 1:
            return f'<rect class="mark" x="{x - 3.6:.1f}" y="{y - 3.6:.1f}" width="7.2" height="7.2"/>'
        case 2:
            return f'<path class="mark" d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z"/>'
        case _:
            return f'<path class="mark" d="M{x:.1f} {y - 5:.1f}l5 8.6h-10z"/>'


def _kinds(names: list[str]) -> list[tuple[int, bool]]:
    """A colour and a mark for what stands before the comma of a name; the second line of it is dashed."""
    firsts = list(dict.fromkeys(name.partition(",")[0] for name in names))
    seen: set[int] = set()
    kinds = []
    for name in names:
        kind = firsts.index(name.partition(",")[0])
        kinds.append((kind, kind in seen))
        seen.add(kind)
    return kinds


def _legend(names: list[str]) -> tuple[list[str], float]:
    """The lines' names under the title, in as many rows as they need; and where they end."""
    parts, x, y = [], 16.0, 48.0
    for name, (kind, dashed) in zip(names, _kinds(names)):
        width = 42 + 7.3 * len(name)
        if x + width > WIDTH and x > 16:
            x, y = 16.0, y + 21
        line = f'<path class="line{" dashed" if dashed else ""}" d="M{x:.0f} {y - 4.5}h22"/>'
        parts.append(f'<g class="s{kind}">{line}{_mark(kind, x + 11, y - 4.5)}</g><text x="{x + 28:.0f}" y="{y:.0f}">{escape(name)}</text>')
        x += width
    return parts, y


def draw(
    path: Path, title: str, x_label: str, y_label: str, lines: dict[str, Line], *, log_x: bool = True, log_y: bool = True,
    ticks: list[float] | None = None, events: list[float] | None = None, unit: str = "",
) -> None:  # fmt: skip
    """Writes a chart. `events` are moments on the x axis; `unit` is "bytes" if the x axis counts them."""
    legend, under = _legend(list(lines)) if len(lines) > 1 else ([], 24)
    xs = [x for line in lines.values() for x, _ in line]
    ys = [y for line in lines.values() for _, y in line]
    left, right, top, bottom = LEFT, WIDTH - RIGHT, under + 36, HEIGHT - BOTTOM
    x_axis, y_axis = Axis(xs, left, right, log_x, ticks), Axis(ys, bottom, top, log_y)
    told = size if unit == "bytes" else number
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{HEIGHT}" rx="6"/>',
        f'<text class="title" x="16" y="24">{escape(title)}</text>',
        *legend,
        f'<text x="16" y="{top - 9:.0f}">{escape(y_label)}</text>',
        f'<text x="{(left + right) / 2:.0f}" y="{HEIGHT - 9}" text-anchor="middle">{escape(x_label)}</text>',
    ]
    for tick in y_axis.ticks:
        y = y_axis.at(tick)
        out.append(f'<path class="grid" d="M{left} {y:.1f}H{right}"/>')
        out.append(f'<text x="{left - 8}" y="{y + 4.5:.1f}" text-anchor="end">{number(tick)}</text>')
    for tick in x_axis.ticks:
        x = x_axis.at(tick)
        out.append(f'<path class="grid" d="M{x:.1f} {top:.0f}V{bottom}"/>')
        # the last label ends at the frame rather than beyond the picture
        anchor = "end" if x > right - 14 and len(told(tick)) > 3 else "middle"
        x = min(x + 10, right) if anchor == "end" else x
        out.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="{anchor}">{told(tick)}</text>')
    for event in events or []:
        out.append(f'<path class="event" d="M{x_axis.at(event):.1f} {top:.0f}V{bottom}"/>')
    for line, (kind, dashed) in zip(lines.values(), _kinds(list(lines))):
        points = [(x_axis.at(x), y_axis.at(y)) for x, y in line]
        path_d = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        marks = [_mark(kind, x, y) for x, y in points] if len(points) <= 20 else []
        out.append(f'<g class="s{kind}"><path class="line{" dashed" if dashed else ""}" d="{path_d}"/>{"".join(marks)}</g>')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*out, "</svg>"]) + "\n")
