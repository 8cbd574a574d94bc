"""What the figures must reach, and that they do not fall behind those of docs/evaluation.md."""
from __future__ import annotations

from dataclasses import dataclass

from measure import Measured
from report import Figures, share, total

LONGEST_ANSWER = 16_000
DESCRIBED = 28_300
SESSION = 7_100
CORRECTED = 0.9
# By how much texts may have grown since the page was written: some of them hold dates and counts.
GROWTH = 1.05


@dataclass(frozen=True)
class Check:
    name: str
    failure: str  # "" when it passed


def checks(measured: Measured, figures: Figures, page: Figures | None) -> list[Check]:
    return [*_questions(measured), *_limits(measured, figures), *_compared(figures, page)]


def _questions(measured: Measured) -> list[Check]:
    found = []
    for question in measured.crawls:
        missing = ", ".join(str(fact) for fact in measured.missing(question))
        found.append(Check(f"facts of {question}", missing and f"not found: {missing}"))
        found.append(Check(f"answer of {question}", measured.wrong.get(question, "")))
    return found


def _limits(measured: Measured, figures: Figures) -> list[Check]:
    call, longest = measured.largest()
    corrected, session = share(total(figures["slips"])), figures["instructions"] + figures["tools"]
    return [
        Check("slips", "" if corrected >= CORRECTED else f"the error corrects {corrected:.0%} of them, not {CORRECTED:.0%}"),
        Check("longest answer", "" if longest <= LONGEST_ANSWER else f"{call}: {longest:,} bytes, more than {LONGEST_ANSWER:,}"),
        Check("descriptions", "" if figures["described"] < DESCRIBED else f"{figures['described']:,} bytes, not fewer than {DESCRIBED:,}"),
        Check("instructions and tools", "" if session <= SESSION else f"{session:,} bytes, more than {SESSION:,}"),
    ]


def _compared(figures: Figures, page: Figures | None) -> list[Check]:
    if page is None:
        return [Check("docs/evaluation.md", "it has no figures: `make eval` writes them")]
    fallen = [f"{name} {was:,.4g} → {now:,.4g}" for name, was, now in _falling(figures, page)]
    return [Check("no figure worse than in docs/evaluation.md", ", ".join(fallen))]


def _falling(figures: Figures, page: Figures) -> list[tuple[str, float, float]]:
    better = [
        ("right answers", page["right"] / page["questions"], figures["right"] / figures["questions"]),
        ("facts found", share(total(page["facts"])), share(total(figures["facts"]))),
        ("slips corrected", share(total(page["slips"])), share(total(figures["slips"]))),
    ]
    smaller = [(name, page[name], figures[name]) for name in ("calls", "bytes", "largest", "described", "instructions", "tools")]
    return [entry for entry in better if entry[2] < entry[1] - 1e-9] + [entry for entry in smaller if entry[2] > entry[1] * GROWTH]
