// Line, bar, stacked bar and scatter charts, drawn as SVG.

// ---- parts of a picture

const label = (x, y, text, anchor, name) => svg("text", { x, y, "text-anchor": anchor, class: name }, text);
const rule = (x1, y1, x2, y2, name) => svg("line", { x1, y1, x2, y2, class: name });
const path = (d, name) => svg("path", { d, class: name });
const ring = (cx, cy, name) => svg("circle", { cx, cy, r: 4, class: `dot ${name}` });
const block = (x, y, width, height, name) =>
    svg("rect", { x, y, width: Math.max(0, width), height: Math.max(0, height), class: name });
const pointText = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;
const dotsPath = (points) => [...new Set(points.map((point) => `M${pointText(point)}h0`))].join("");
const colourAt = ({ series }, index) => series[index].isRest ? "rest" : `c${index + 1}`;

// The frame of a picture that stands on a horizontal axis: grid, ticks, titles, and where it draws.
function frame({ columns, axis, digits }, { width, height }, low, high) {
    const ticks = ticksOf(low, high, Math.max(2, height / 60), columns.every(({ index }) => digits[index] === 0));
    const texts = ticks.map(tickText);
    const bottom = height - (axis.kind === "time" ? 56 : 42);
    const area = { left: widest(texts) + 8, right: width - 14, top: 24, bottom, width };
    const y = scaleOf(ticks[0], ticks[ticks.length - 1], area.bottom, area.top);
    const nodes = ticks.flatMap((tick, index) => [
        rule(area.left, y(tick), area.right, y(tick), tick === 0 ? "base" : "grid"),
        label(area.left - 6, y(tick) + 4, texts[index], "end", "tick"),
    ]);
    nodes.push(label(0, 11, shortened(listed(columns.map(readable)), width), "start", "title"),
        label((area.left + area.right) / 2, height - 3, readable(axis), "middle", "title"));
    return { nodes, area, y };
}

// A horizontal axis of times or numbers.
function scaleAxis({ nodes, area }, { axis, slots }, low, high) {
    const count = Math.max(2, (area.right - area.left) / 80);
    const isTime = axis.kind === "time";
    const gap = isTime && leastOf(gapsOf(slots.map(({ position }) => position)));
    const isDate = axis.type === "date";
    const { ticks, unit } = isTime ? timeTicks(low, high, count, isDate, gap) : { ticks: ticksOf(low, high, count) };
    const x = scaleOf(low, high, area.left + 4, area.right - 4);
    const within = ticks.filter((tick) => tick >= low && tick <= high);
    const marks = (within.length > 0 ? within : [low]).map((value) => ({ x: x(value), value, text: formatNumber(value, axis) }));
    writeMarks(nodes, area, marks, unit);
    return x;
}

// As many of the labels as there is room for. A day or a year stands below the first of its hours or months.
function writeMarks(nodes, area, marks, unit) {
    let [edge, above] = [-Infinity, ""];
    for (const { x, value, text } of marks) {
        const [upper, lower] = unit ? timeTexts(value, unit) : [text, ""];
        const half = widest(lower === above ? [upper] : [upper, lower]) / 2;
        const middle = Math.min(Math.max(x, half), area.width - half);
        if (middle - half < edge + 8) continue;
        edge = middle + half;
        nodes.push(rule(x, area.bottom, x, area.bottom + 4, "base"), label(middle, area.bottom + 16, upper, "middle", "tick"));
        if (lower !== above) nodes.push(label(middle, area.bottom + 30, lower, "middle", "tick"));
        above = lower;
    }
}

// What is told at a slot of lines or bars.
const tellSlot = (figure, answer) => (index) => {
    const { axis, slots } = figure;
    const heading = `${axis.kind === "number" ? `${readable(axis)} ` : ""}${nameOf(slots[index].value, axis)}`;
    return { heading, lines: linesAt(figure, answer, slots[index]) };
};

// ---- pictures: each returns its nodes, the spots that can be visited, how far off they are, what they mark and tell

function drawLines(figure, size, answer) {
    const { slots, series } = figure;
    const [low, high] = extremes(figure).map(({ value }) => value);
    const picture = frame(figure, size, low >= 0 && low < high * 0.6 ? 0 : low, high);
    const { nodes, area, y } = picture;
    const positions = slots.map(({ position }) => position);
    const x = scaleAxis(picture, figure, positions[0], positions[positions.length - 1]);
    const breaks = breaksOf(positions);
    // Series that each have times of their own are not broken by those of the others.
    const isShared = series.length < 2 || slots.filter(({ values }) => !values.includes(null)).length > slots.length / 2;
    series.forEach((_, index) => {
        // Null where the line is broken.
        const points = slots.flatMap(({ values, position }, at) =>
            [values[index] === null ? null : [x(position), y(values[index])], ...breaks[at] ? [null] : []])
            .filter((point) => point || isShared);
        const line = points.map((point, at) => point ? `${points[at - 1] ? "L" : "M"}${pointText(point)}` : "").join("");
        const dots = points.filter((point, at) => point && (points.length <= 14 || !points[at - 1] && !points[at + 1]));
        const colour = colourAt(figure, index);
        nodes.push(path(line, colour), path(dotsPath(dots), `dots ${colour}`));
    });
    const spots = positions.map((position) => [x(position), area.top]);
    const mark = (index) => {
        const [left] = spots[index];
        const rings = slots[index].values.map((value, place) => value !== null && ring(left, y(value), colourAt(figure, place)));
        return [rule(left, area.top, left, area.bottom, "cross"), ...rings.filter(Boolean)];
    };
    const words = inWords(figure, "Line chart", "points");
    return { nodes, height: size.height, words, spots, far: Math.abs, mark, tell: tellSlot(figure, answer) };
}

// Bars over times and steps stand; all others lie, each beside its name.
function drawBars(figure, size, answer) {
    const { axis, series, view, steps, gap } = figure;
    const isStacked = view === "stacked";
    const spread = isStacked ? 1 : series.length;
    const words = inWords(figure, isStacked ? "Stacked bar chart" : "Bar chart", "bars");
    if (!steps) cutBars(figure, Math.floor((size.height - 26) / Math.max(12, spread * 9 + 3)));
    const { slots } = figure;
    const stacks = slots.map((slot) => stackOf(slot, isStacked));
    const ends = stacks.flat().map(({ to }) => to);
    const [low, high] = [Math.min(0, ...ends), Math.max(0, ...ends)];
    // Beside the bars, large numbers need no decimals.
    const isLarge = Math.max(high, -low) >= 1000;
    const textOf = ({ value, index }) =>
        isLarge ? formatNumber(value, undefined, 0) : numberText(figure, value, series[index].column);
    const tips = stacks.map((bars) => isStacked ? tipsOf(bars) : bars);
    const longest = widest(tips.flat().map(textOf));
    const { nodes, area, y: scale } = steps ? frame(figure, size, low, high) : lyingFrame(figure, size, low, high, longest);
    const pitch = steps ? (area.right - area.left) / steps : (area.bottom - area.top) / slots.length;
    const middles = slots.map(({ position }, at) =>
        (steps ? area.left + (position - slots[0].position) / gap * pitch : area.top + pitch * at) + pitch / 2);
    const thick = Math.max(1, Math.min(steps ? 56 : 24 * Math.min(spread, 2), pitch * 0.8) / spread);
    const hasRoom = steps ? longest < pitch / spread - 3 : thick >= 9;
    const bar = (side, wide, from, to, name) =>
        steps ? block(side, from, wide, to - from, name) : block(from, side, to - from, wide, name);
    slots.forEach(({ value }, at) => {
        const sideOf = ({ index }) => middles[at] - thick * spread / 2 + (isStacked ? 0 : index * thick);
        for (const part of stacks[at]) {
            const [from, to] = [scale(part.from), scale(part.to)].sort((a, b) => a - b);
            // A thin gap between neighbours, as wide as a pixel.
            const seam = isStacked && to - from > 2 ? 1 : 0;
            const wide = spread > 1 && thick > 3 ? thick - 1 : thick;
            nodes.push(bar(sideOf(part), wide, from, to - seam, colourAt(figure, part.index)));
        }
        for (const tip of hasRoom ? tips[at] : []) {
            const [side, end, isBelow] = [sideOf(tip) + thick / 2, scale(tip.to), tip.to < 0];
            nodes.push(steps ? label(side, end + (isBelow ? 13 : -4), textOf(tip), "middle", "value")
                : label(end + (isBelow ? -5 : 5), side + 4, textOf(tip), isBelow ? "end" : "start", "value"));
        }
        const room = area.left - 6;
        if (!steps) nodes.push(label(room, middles[at] + 4, shortened(nameOf(value, axis), room), "end", "name"));
    });
    const marks = slots.map(({ value, position }, at) => ({ x: middles[at], value: position, text: nameOf(value, axis) }));
    if (steps) writeMarks(nodes, area, marks, axis.kind === "time" && unitOfStep(gap));
    const spots = stacks.map((bars, at) => {
        const end = scale(Math.max(0, ...bars.map(({ to }) => to)));
        return steps ? [middles[at], end] : [end, middles[at]];
    });
    const [start, end] = steps ? [area.top, area.bottom] : [0, size.width];
    const mark = (at) => [bar(middles[at] - pitch / 2, pitch, start, end, "band")];
    const far = (dx, dy) => Math.abs(steps ? dx : dy);
    return { nodes, height: steps ? size.height : area.bottom + 4, words, spots, far, mark, tell: tellSlot(figure, answer) };
}

function lyingFrame({ axis, slots, series, columns, view }, { width, height }, low, high, longest) {
    const names = slots.map(({ value }) => nameOf(value, axis));
    const left = Math.min(widest([readable(axis), ...names], 12), width * 0.4) + 10;
    const most = view === "bar" && series.length > 1 ? series.length * 16 + 10 : 30;
    const bottom = Math.floor(22 + Math.min(most * slots.length, height - 26));
    const area = { left, right: width - longest - 8, top: 22, bottom };
    const y = scaleOf(low, high > low ? high : 1, left + (low < 0 ? longest + 6 : 0), area.right);
    const title = shortened(listed(columns.map(readable)), width - left);
    const nodes = [label(left - 6, 12, shortened(readable(axis), left - 6), "end", "title"),
        label(left, 12, title, "start", "title"), rule(y(0), area.top, y(0), area.bottom, "base")];
    return { nodes, area, y };
}

// From where to where each bar of a slot goes; the parts of a stack stand on each other, negative ones below zero.
function stackOf({ values }, isStacked) {
    const reached = { above: 0, below: 0 };
    return values.map((value, index) => {
        const side = value < 0 ? "below" : "above";
        const from = isStacked ? reached[side] : 0;
        reached[side] = from + value;
        return { index, value, from, to: from + value };
    }).filter(({ value }) => value !== null);
}

// The end of a stack, with the total as its value.
const tipsOf = (bars) => bars.slice(0, 1).map((bar) => ({
    ...bar, to: Math.max(0, ...bars.map(({ to }) => to)), value: bars.reduce((sum, { value }) => sum + value, 0),
}));

function drawPoints(figure, size, answer) {
    const { axis, split, series, columns: [column] } = figure;
    const places = new Map(series.map(({ own }, index) => [own, index]));
    const points = answer.rows.map((row) => {
        const own = split ? keyOf(row[split.index]) : column.index;
        return { row, place: places.get(own), x: positionOf(row[axis.index], axis), y: measureOf(row[column.index], column) };
    }).filter(({ place, x, y }) => place !== undefined && x !== null && y !== null).sort((a, b) => a.x - b.x);
    const heights = points.map(({ y }) => y);
    const [left, right] = [points[0].x, points[points.length - 1].x];
    const [low, high] = [leastOf(heights), -leastOf(heights.map((height) => -height))];
    const based = (from, to) => from >= 0 && from < to * 0.4 ? 0 : from;
    const picture = frame(figure, size, based(low, high), high);
    const x = scaleAxis(picture, figure, axis.kind === "time" ? left : based(left, right), right);
    const spots = points.map((point) => [x(point.x), picture.y(point.y)]);
    const weight = points.length > 2000 ? "small" : "";
    series.forEach((_, place) => {
        const own = spots.filter((__, index) => points[index].place === place);
        picture.nodes.push(path(dotsPath(own), `points ${weight} ${colourAt(figure, place)}`));
    });
    const [title] = profileOf(answer).is("category", "naming").filter(({ index }) => !split || index !== split.index);
    const tell = (index) => {
        const { row } = points[index];
        const lines = [axis, column, split].filter(Boolean).map((of) => lineOf(answer, row, of));
        return { heading: title ? nameOf(row[title.index], title) : "", lines };
    };
    const mark = (index) => [ring(...spots[index], colourAt(figure, points[index].place))];
    const far = (dx, dy) => Math.hypot(dx, dy) < 50 ? Math.hypot(dx, dy) : Infinity;
    const ends = [points[0], points[points.length - 1]].map(({ row }) => nameOf(row[axis.index], axis));
    const across = `${readable(axis)} from ${ends[0]} to ${ends[1]}`;
    const up = `${readable(column)} from ${formatNumber(low)} to ${formatNumber(high)}`;
    const words = `Scatter chart of ${formatNumber(points.length)} points: ${up}, ${across}.`;
    return { nodes: picture.nodes, height: size.height, words, spots, far, mark, tell };
}

// ---- the whole

function drawChart(box, answer, choice, size) {
    ruler.family = getComputedStyle(box).fontFamily || "sans-serif";
    const [width, height] = [Math.max(240, Math.floor(size.width) || 320), Math.max(180, Math.floor(size.height) || 320)];
    const figure = answer.columns[choice.x] ? gather(answer, choice, width) : null;
    if (!figure || figure.series.length === 0) {
        const what = figure ? listed(figure.columns.map(readable)) : "";
        box.replaceChildren(element("p", { class: "nothing" }, `There is nothing to draw${what && `: no numbers in ${what}`}.`));
        return;
    }
    const { series, notes } = figure;
    if (["bar", "stacked"].includes(figure.view)) orderBars(figure);
    if (figure.steps * (figure.view === "bar" ? series.length : 1) > (width - 60) / 3) {
        figure.view = "line";
        notes.push("There are too many bars for this width: they are drawn as lines.");
    }
    const legend = series.length < 2 && !figure.split ? null : element("div", { class: "legend" }, series.map(({ name }, index) =>
        element("span", {}, element("i", { class: `swatch ${colourAt(figure, index)}` }), name)));
    const root = element("div", { class: "chart" }, legend);
    box.replaceChildren(root);
    const draw = { line: drawLines, scatter: drawPoints }[figure.view] || drawBars;
    const above = legend ? legend.offsetHeight || 24 : 0;
    const picture = draw(figure, { width, height: Math.max(140, height - above - 20) }, answer);
    const over = svg("g", { "aria-hidden": "true" });
    const image = svg("svg", { width, height: picture.height, role: "img", "aria-label": picture.words }, picture.nodes, over);
    const tip = element("div", { class: "tip", "aria-hidden": "true", hidden: true });
    const spoken = element("div", { class: "spoken", "aria-live": "polite" });
    const plot = element("div", { class: "plot", tabindex: "0", role: "group", "aria-roledescription": "chart",
        "aria-label": "Chart. Arrow keys move through its values." }, image, tip);
    root.append(plot, spoken, ...notes.length > 0 ? [element("p", { class: "note" }, notes.join(" "))] : []);
    explore(plot, picture, { over, tip, spoken, width });
}

// What is under the pointer, the finger or the arrow keys: drawn, written beside it, and for the keys also spoken.
function explore(plot, picture, { over, tip, spoken, width }) {
    let current = -1;
    const hide = () => {
        current = -1;
        over.replaceChildren();
        tip.hidden = true;
    };
    const show = (index, isSpoken) => {
        if (index < 0) hide();
        if (index < 0 || index === current) return;
        current = index;
        const [[x, y], { heading, lines }] = [picture.spots[index], picture.tell(index)];
        over.replaceChildren(...picture.mark(index));
        tip.replaceChildren(element("b", {}, heading), ...lines.map(({ name, text, colour }) => element("div", { class: "pair" },
            element("span", {}, colour ? element("i", { class: `swatch ${colour}` }) : null, name), element("span", {}, text))));
        tip.hidden = false;
        const [wide, high] = [tip.offsetWidth, tip.offsetHeight];
        const left = x + 14 + wide > width ? x - 14 - wide : x + 14;
        tip.style.left = `${Math.max(0, Math.min(left, width - wide))}px`;
        tip.style.top = `${Math.max(0, Math.min(y - high / 2, picture.height - high))}px`;
        if (isSpoken) spoken.textContent = `${heading}: ${lines.map(({ name, text }) => `${name} ${text}`).join(", ")}`;
    };
    const point = (event) => {
        const { left, top } = plot.getBoundingClientRect();
        const distances = picture.spots.map(([x, y]) => picture.far(event.clientX - left - x, event.clientY - top - y));
        const least = leastOf(distances);
        show(least < Infinity ? distances.indexOf(least) : -1, false);
    };
    const last = picture.spots.length - 1;
    const keys = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
    const press = (event) => {
        if (event.key === "Escape") hide();
        const step = keys[event.key];
        if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        const from = current >= 0 ? current : step > 0 ? -1 : last + 1;
        show(Math.max(0, Math.min(last, from + step)), true);
    };
    const leave = (event) => event.pointerType === "mouse" && hide();
    const handlers = { pointermove: point, pointerdown: point, keydown: press, blur: hide, pointerleave: leave };
    for (const [type, handler] of Object.entries(handlers)) plot.addEventListener(type, guarded(handler));
}
