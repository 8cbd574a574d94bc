// Line, bar, stacked bar and scatter charts, drawn as SVG from the rows alone.

const SERIES_MOST = { line: 12, bar: 8, stacked: 8, scatter: 8 };
const BARS_MOST = 30;
const MINUTE = 60000;
const DAY = 1440 * MINUTE;
const CALENDAR = /^(mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)/i;
const ruler = {};

// ---- words

// A short label: one line, without marks that hide or turn a text.
function labelText(value, most = 24) {
    const characters = Array.from(plainText(value).slice(0, 400).replace(HIDDEN, "").replace(/\s+/g, " ").trim());
    return characters.length > most ? `${characters.slice(0, most - 1).join("").trim()}…` : characters.join("");
}

const readable = (column) => (labelText(column.name.replace(/_+/g, " ")) || "value") + (column.kind === "interval" ? " (hours)" : "");
const listed = (names) => names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;

function nameOf(value, column) {
    if (value === null) return "(no value)";
    if (column.kind === "boolean") return `${readable(column)}: ${value === true ? "yes" : "no"}`;
    return labelText(["time", "number"].includes(column.kind) ? formatValue(value, column) : value) || "(empty)";
}

const headingOf = (value, axis) => axis.kind === "number" ? `${readable(axis)} ${nameOf(value, axis)}` : nameOf(value, axis);

function widthOf(text, size = 11) {
    if (!ruler.context) ruler.context = document.createElement("canvas").getContext("2d");
    ruler.context.font = `${size}px ${ruler.family}`;
    return ruler.context.measureText(text).width;
}

const widest = (texts, size) => texts.reduce((most, text) => Math.max(most, widthOf(text, size)), 0);

function shortened(text, width) {
    let most = text.length;
    while (most > 1 && widthOf(most < text.length ? `${text.slice(0, most)}…` : text, 12) > width) most -= 1;
    return most < text.length ? `${text.slice(0, most).trim()}…` : text;
}

// ---- figures

const positionOf = (value, column) => column.kind === "time" ? asTime(value) : measureOf(value, column);

// Slots along the x axis, each with one number or null per series. Rows that share both are added up, or averaged.
function gather(answer, choice, width) {
    const [axis, split] = [answer.columns[choice.x], answer.columns[choice.group]];
    const columns = choice.y.map((index) => answer.columns[index]).filter(Boolean);
    const isScale = choice.view === "line" && ["time", "number"].includes(axis.kind);
    const [slots, series] = [new Map(), new Map()];
    for (const row of answer.rows) {
        const value = row[axis.index];
        const position = positionOf(value, axis);
        if (isScale && position === null) continue;
        const key = position === null ? keyOf(value) : position;
        if (!slots.has(key)) slots.set(key, { value, position, row, rows: 0, cells: new Map() });
        const slot = slots.get(key);
        slot.rows += 1;
        for (const column of columns) {
            const number = measureOf(row[column.index], column);
            const own = split ? keyOf(row[split.index]) : column.index;
            if (number === null) continue;
            if (!series.has(own)) {
                series.set(own, { own, column, name: split ? nameOf(row[split.index], split) : readable(column), sum: 0, count: 0 });
            }
            const cell = slot.cells.get(own) || { sum: 0, count: 0 };
            for (const total of [cell, series.get(own)]) {
                total.count += 1;
                total.sum += total === cell ? number : Math.abs(number);
            }
            slot.cells.set(own, cell);
        }
    }
    const figure = { view: choice.view, axis, split, columns, isScale, slots: [...slots.values()], notes: [], digits: [] };
    for (const column of columns) figure.digits[column.index] = column.kind === "interval" ? 1 : columnDigits(answer, column);
    figure.canAdd = columns.every(isAdded);
    figure.series = largest(figure, [...series.values()], width);
    fillValues(figure);
    if (isScale) figure.slots.sort((a, b) => a.position - b.position);
    return figure;
}

// As many series as an eye can tell apart: the largest, in the order in which they came.
function largest(figure, series, width) {
    const most = figure.view === "bar" && width < 480 ? 4 : SERIES_MOST[figure.view];
    if (series.length <= most) return series;
    const isFolded = ["stacked", "scatter"].includes(figure.view);
    const sizeOf = ({ sum, count }) => figure.canAdd ? sum : sum / count;
    const kept = new Set([...series].sort((a, b) => sizeOf(b) - sizeOf(a)).slice(0, isFolded ? most - 1 : most));
    const shown = series.filter((part) => kept.has(part));
    if (isFolded) return [...shown, { ...series[0], own: null, name: `${formatNumber(series.length - kept.size)} others`, isRest: true }];
    figure.notes.push(`The ${formatNumber(most)} largest of ${formatNumber(series.length)} series are shown.`);
    return shown;
}

function fillValues({ slots, series, canAdd, view, notes, axis, split }) {
    const places = new Map(series.map(({ own }, index) => [own, index]));
    let isMerged = false;
    for (const slot of slots) {
        slot.values = series.map(() => null);
        for (const [own, { sum, count }] of slot.cells) {
            const index = places.has(own) ? places.get(own) : places.get(null);
            isMerged = isMerged || count > 1;
            if (index !== undefined) slot.values[index] = (slot.values[index] || 0) + (canAdd ? sum : sum / count);
        }
    }
    if (!isMerged || view === "scatter") return;
    const shared = listed([axis, split].filter(Boolean).map(readable));
    notes.push(`Rows with the same ${shared} are ${canAdd ? "added up" : "averaged"}.`);
}

const totalOf = ({ values }) => values.reduce((sum, value) => value === null ? sum : (sum || 0) + value, null);

// Bars stand on times and on even steps. Names keep the order of the rows when it means something; otherwise the largest comes first.
function orderBars(figure) {
    const { axis, slots } = figure;
    const positions = slots.map(({ position }) => position);
    const isOrdered = !positions.includes(null) && orderOf(positions) !== 0;
    figure.isStepped = isOrdered && (axis.kind === "time" || isEven(positions));
    if (figure.isStepped) {
        slots.sort((a, b) => a.position - b.position);
        figure.gap = slots.reduce((least, { position }, at) => at === 0 ? least : Math.min(least, position - slots[at - 1].position), Infinity);
        figure.steps = (slots[slots.length - 1].position - slots[0].position) / figure.gap + 1;
        return;
    }
    const isNamed = slots.length <= BARS_MOST && (slots.every(({ value }) => CALENDAR.test(value))
        || slots.every(({ value }, at) => at === 0 || compareValues(slots[at - 1].value, value, axis) <= 0));
    const isRanked = orderOf(slots.map(totalOf).filter((total) => total !== null)) !== 0;
    if (!isRanked && !isNamed) slots.sort((a, b) => totalOf(b) - totalOf(a));
}

// ---- scales

const scaleOf = (low, high, from, to) => (value) => high === low ? (from + to) / 2 : from + (value - low) / (high - low) * (to - from);

// Round numbers that begin at or below `low` and end at or above `high`.
function ticksOf(low, high, count, isWhole) {
    const [from, to] = low === high ? [Math.min(0, low), Math.max(low, 0) || 1] : [low, high];
    const power = 10 ** Math.floor(Math.log10((to - from) / count));
    const rough = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= (to - from) / count * 0.999);
    const step = Math.max(isWhole ? 1 : 0, rough);
    const first = Math.floor(from / step + 1e-9);
    return Array.from({ length: Math.ceil(to / step - 1e-9) - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

function tickTexts(ticks) {
    const most = Math.max(...ticks.map(Math.abs));
    const notation = most >= 1e15 || most > 0 && most < 1e-4 ? "scientific" : most >= 10000 ? "compact" : "standard";
    return ticks.map((tick) => format("NumberFormat", { notation, maximumFractionDigits: notation === "standard" ? 6 : 2 }).format(tick));
}

// Lengths of the steps of a time axis, in milliseconds or in months.
const CLOCK_STEPS = [1000, ...[1, 5, 15, 30, 60, 180, 360, 720].map((count) => count * MINUTE)];
const DAY_STEPS = [1, 2, 7, 14].map((count) => count * DAY);
const MONTH_STEPS = [1, 3, 6, 12, 24, 60, 120, 300, 600, 1200, 6000, 12000];

function timeTicks(low, high, count, isDate) {
    const ticks = [];
    const size = [...isDate ? [] : CLOCK_STEPS, ...DAY_STEPS].find((step) => (high - low) / step <= count);
    if (size) {
        // Weeks begin on Monday, and 5 January 1970 was one.
        const origin = size >= 7 * DAY ? 4 * DAY : 0;
        for (let time = Math.ceil((low - origin) / size) * size + origin; time <= high; time += size) ticks.push(time);
        return { ticks, unit: size < MINUTE ? "second" : size < DAY ? "hour" : "day" };
    }
    const months = MONTH_STEPS.find((step) => (high - low) / (step * 30.4 * DAY) <= count) || 12000;
    const start = new Date(low);
    for (let month = Math.floor((start.getUTCFullYear() * 12 + start.getUTCMonth()) / months) * months; ; month += months) {
        const time = new Date(0).setUTCFullYear(Math.floor(month / 12), month % 12, 1);
        if (!(time <= high)) return { ticks, unit: months < 12 ? "month" : "year" };
        if (time >= low) ticks.push(time);
    }
}

const unitOfGap = (gap) => gap < MINUTE ? "second" : gap < DAY ? "hour" : gap < 28 * DAY ? "day" : gap < 360 * DAY ? "month" : "year";

// What stands at a tick, and below it the day or the year to which it belongs.
function timeTexts(time, unit) {
    const text = (options) => format("DateTimeFormat", { ...options, timeZone: "UTC" }).format(time);
    const [day, year] = [{ day: "numeric", month: "short" }, { year: "numeric" }];
    const clock = { hour: "numeric", minute: "2-digit", second: unit === "second" ? "2-digit" : undefined };
    if (unit === "year") return [text(year), ""];
    return unit === "month" || unit === "day" ? [text(unit === "day" ? day : { month: "short" }), text(year)] : [text(clock), text(day)];
}

// ---- parts of a picture

const label = (x, y, text, anchor, name) => svg("text", { x: x.toFixed(1), y: y.toFixed(1), "text-anchor": anchor, class: name }, text);
const rule = (x1, y1, x2, y2, name) => svg("line", { x1, y1, x2, y2, class: name });
const ring = (cx, cy, name) => svg("circle", { cx, cy, r: 4, class: `dot ${name}` });
const block = (x, y, width, height, name) => svg("rect", {
    x: x.toFixed(1), y: y.toFixed(1), width: Math.max(0, width).toFixed(1), height: Math.max(0, height).toFixed(1), class: name,
});
const colourAt = ({ series }, index) => series[index].isRest ? "rest" : `c${index % 8 + 1}${index > 7 ? " dashed" : ""}`;
const numberText = ({ digits }, number, column) => formatNumber(number, column, digits[column.index]);
const measureNames = ({ columns }) => listed(columns.map(readable));

// The frame of a picture that stands on a horizontal axis: grid, ticks, titles, and where it draws.
function frame(figure, size, [low, high], right = 14) {
    const isWhole = figure.columns.every(({ index }) => figure.digits[index] === 0);
    const ticks = ticksOf(low, high, Math.max(2, size.height / 60), isWhole);
    const texts = tickTexts(ticks);
    const area = { left: widest(texts) + 8, right: size.width - right, top: 24, bottom: size.height - (figure.axis.kind === "time" ? 56 : 42) };
    const y = scaleOf(ticks[0], ticks[ticks.length - 1], area.bottom, area.top);
    const nodes = ticks.flatMap((tick, index) => {
        const at = Math.round(y(tick)) + 0.5;
        return [rule(area.left, at, area.right, at, tick === 0 ? "base" : "grid"), label(area.left - 6, at + 4, texts[index], "end", "tick")];
    });
    nodes.push(label(0, 11, measureNames(figure), "start", "title"),
        label((area.left + area.right) / 2, size.height - 3, readable(figure.axis), "middle", "title"));
    return { nodes, area, y, size };
}

// A horizontal axis of times or numbers.
function scaleAxis({ nodes, area, size }, { axis }, low, high, isRound) {
    const count = Math.max(2, (area.right - area.left) / 80);
    const time = axis.kind === "time" ? timeTicks(low, high, count, axis.type === "date") : null;
    const all = time ? time.ticks : ticksOf(low, high, count, false);
    const [from, to] = isRound && !time ? [all[0], all[all.length - 1]] : [low, high];
    const x = scaleOf(from, to, area.left + 4, area.right - 4);
    const texts = time ? [] : all.length > 0 && isRound ? tickTexts(all) : all.map((tick) => formatNumber(tick, axis));
    const marks = all.map((at, index) => ({ x: x(at), value: at, text: texts[index] })).filter(({ value }) => value >= from && value <= to);
    writeMarks(nodes, area, size, marks.length > 0 ? marks : [{ x: x(low), value: low, text: texts[0] }], time && time.unit);
    return x;
}

// As many of the labels as there is room for. A day or a year stands below the first of its hours or months.
function writeMarks(nodes, area, size, marks, unit) {
    let [edge, above] = [-Infinity, ""];
    for (const { x, value, text } of marks) {
        const [upper, lower] = unit ? timeTexts(value, unit) : [text, ""];
        const half = widest(lower === above ? [upper] : [upper, lower]) / 2;
        const middle = Math.min(Math.max(x, half), size.width - half);
        if (middle - half < edge + 8) continue;
        edge = middle + half;
        nodes.push(rule(x, area.bottom, x, area.bottom + 4, "base"), label(middle, area.bottom + 16, upper, "middle", "tick"));
        if (lower !== above) nodes.push(label(middle, area.bottom + 30, lower, "middle", "tick"));
        above = lower;
    }
}

// What is at a slot: its values, the total of a stack, and the other columns when it is a single row.
function linesAt(figure, answer, { values, row, rows }) {
    const { series, axis, split, columns, view } = figure;
    const shown = series.map((part, index) => ({ ...part, index })).filter(({ index }) => values[index] !== null || series.length === 1);
    if (split && view === "line") shown.sort((a, b) => values[b.index] - values[a.index]);
    const lines = shown.map(({ name, column, index }) => ({
        name, colour: colourAt(figure, index), text: values[index] === null ? "null" : numberText(figure, values[index], column),
    }));
    if (view === "stacked" && shown.length > 1) lines.push({ name: "Total", text: numberText(figure, totalOf({ values }), columns[0]) });
    const others = rows === 1 ? answer.columns.filter((column) => ![axis, split, ...columns].includes(column)) : [];
    return [...lines, ...others.filter(({ kind }) => kind !== "shape" && kind !== "other").slice(0, 6).map((column) =>
        ({ name: readable(column), text: labelText(formatValue(row[column.index], column, columnDigits(answer, column)), 40) }))];
}

function extremes({ slots }) {
    const all = slots.flatMap((slot) => slot.values.map((value, index) => ({ value, index, slot }))).filter(({ value }) => value !== null);
    return [all.reduce((a, b) => b.value < a.value ? b : a), all.reduce((a, b) => b.value > a.value ? b : a)];
}

function inWords(figure, kind, things) {
    const { axis, split, series, slots } = figure;
    const [low, high] = extremes(figure).map(({ value, index, slot }) => `${numberText(figure, value, series[index].column)} (${
        series.length > 1 ? `${series[index].name}, ` : ""}${nameOf(slot.value, axis)})`);
    const span = figure.view === "line" ? ` from ${nameOf(slots[0].value, axis)} to ${nameOf(slots[slots.length - 1].value, axis)}` : "";
    return `${kind}: ${measureNames(figure)} by ${listed([axis, split].filter(Boolean).map(readable))}, ${
        formatNumber(slots.length)} ${things}${span}. Lowest: ${low}. Highest: ${high}.`;
}

function nearestOf(count, distance) {
    let [best, least] = [-1, Infinity];
    for (let index = 0; index < count; index += 1) {
        const far = distance(index);
        if (far < least) [best, least] = [index, far];
    }
    return best;
}

// ---- pictures: each returns its nodes, how many stops the arrow keys walk through, and what is at a stop

function drawLines(figure, size, answer) {
    const { slots, series, axis, isScale } = figure;
    const [low, high] = extremes(figure).map(({ value }) => value);
    const names = figure.hasNames ? Math.min(150, widest(series.map(({ name }) => name), 12)) + 24 : 14;
    const picture = frame(figure, size, [low >= 0 && low < high * 0.6 ? 0 : low, high], names);
    const { nodes, area, y } = picture;
    const positions = slots.map(({ position }, index) => isScale ? position : index);
    const [first, last] = [positions[0], positions[positions.length - 1]];
    const x = isScale ? scaleAxis(picture, figure, first, last) : scaleOf(first, last, area.left + 4, area.right - 4);
    if (!isScale) writeMarks(nodes, area, size, slots.map(({ value }, index) => ({ x: x(index), text: nameOf(value, axis) })));
    const breaks = missingAfter(positions);
    const ends = series.map((part, index) => {
        const points = slots.flatMap(({ values }, at) =>
            [values[index] === null ? null : [x(positions[at]), y(values[index])], ...breaks.has(at) ? [null] : []]);
        const dots = points.filter((point, at) => point && (points.length <= 14 || !points[at - 1] && !points[at + 1]));
        nodes.push(svg("path", { d: linePath(points, area.right - area.left), class: `line ${colourAt(figure, index)}` }),
            svg("path", { d: dots.map(dotPath).join(""), class: `dots ${colourAt(figure, index)}` }));
        return { name: part.name, colour: colourAt(figure, index), from: points.filter(Boolean).pop() };
    });
    if (figure.hasNames) nameEnds(nodes, area, size, ends);
    const at = (index) => {
        const middle = x(positions[index]);
        const dots = slots[index].values.map((value, place) => value === null ? null : ring(middle, y(value), colourAt(figure, place)));
        const top = Math.max(...slots[index].values.filter((value) => value !== null));
        return { x: middle, y: Number.isFinite(top) ? y(top) : area.bottom, heading: headingOf(slots[index].value, axis),
            lines: linesAt(figure, answer, slots[index]), marks: [rule(middle, area.top, middle, area.bottom, "cross"), ...dots.filter(Boolean)] };
    };
    const nearest = (left) => nearestOf(slots.length, (index) => Math.abs(x(positions[index]) - left));
    return { nodes, height: size.height, stops: slots.length, at, nearest, words: inWords(figure, "Line chart", "points") };
}

// Where a regular series leaves out a day or an hour, its line is broken.
function missingAfter(positions) {
    const gaps = positions.slice(1).map((position, index) => position - positions[index]);
    const least = gaps.reduce((a, b) => Math.min(a, b), Infinity);
    const isRegular = gaps.filter((gap) => gap < least * 1.2).length > gaps.length / 2;
    return new Set(gaps.flatMap((gap, index) => isRegular && gap > least * 1.5 ? [index] : []));
}

const dotPath = ([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`;

// More points than pixels: of each pixel column the first, lowest, highest and last one, so that no peak is lost.
function linePath(points, width) {
    const kept = [];
    let column = [];
    const flush = () => {
        const [low, high] = [Math.min(...column.map(([, y]) => y)), Math.max(...column.map(([, y]) => y))];
        const ends = [0, column.length - 1, column.findIndex(([, y]) => y === low), column.findIndex(([, y]) => y === high)];
        kept.push(...column.filter((_, index) => ends.includes(index)));
        column = [];
    };
    for (const point of points) {
        if (column.length > 0 && (!point || points.length <= width * 2 || Math.floor(point[0]) !== Math.floor(column[0][0]))) flush();
        (point ? column : kept).push(point);
    }
    flush();
    return kept.map((point, index) => point ? `${kept[index - 1] ? "L" : "M"}${point[0].toFixed(1)} ${point[1].toFixed(1)}` : "").join("");
}

// Whether the lines end far enough from each other to be named there.
function endsApart(figure) {
    const [low, high] = extremes(figure).map(({ value }) => value);
    const ends = figure.series.map((_, index) => figure.slots.reduce((last, { values }) => values[index] === null ? last : values[index], 0));
    return Math.max(...ends) - Math.min(...ends) >= (high - low) * (ends.length - 2) / 30;
}

// The names at the ends of their lines, pushed apart where they would touch.
function nameEnds(nodes, area, size, ends) {
    const gap = 15;
    ends.sort((a, b) => a.from[1] - b.from[1]);
    ends.forEach((end, index) => { end.y = Math.max(end.from[1], area.top + 4, index > 0 ? ends[index - 1].y + gap : 0); });
    const left = area.right + 12;
    let lowest = area.bottom + 2;
    for (const { name, colour, from: [x, top], y } of ends.reverse()) {
        const to = Math.min(y, lowest);
        lowest = to - gap;
        nodes.push(svg("path", { d: `M${Math.min(x + 5, area.right)} ${top}L${left - 6} ${to}H${left}`, class: `lead ${colour}` }),
            label(left + 4, to + 4, shortened(name, size.width - left - 4), "start", "name"));
    }
}

// Bars over times and steps stand; all others lie, each beside its name.
function drawBars(figure, size, answer) {
    const { axis, series, isStepped } = figure;
    const isStacked = figure.view === "stacked";
    const spread = isStacked ? 1 : series.length;
    if (!isStepped) cutBars(figure, Math.floor((size.height - 26) / Math.max(12.5, spread * 9 + 4)));
    const { slots } = figure;
    const stacks = slots.map((slot) => stackOf(slot, isStacked));
    const ends = stacks.flat().map(({ to }) => to);
    const range = [Math.min(0, ...ends), Math.max(0, ...ends)];
    const tips = stacks.map((bars) => isStacked ? tipsOf(bars) : bars);
    const textOf = ({ value, index }) => numberText(figure, value, series[index].column);
    const longest = widest(tips.flat().slice(0, 500).map(textOf));
    const { nodes, area, y: scale } = isStepped ? frame(figure, size, range) : lyingFrame(figure, size, range, longest);
    const pitch = isStepped ? (area.right - area.left) / figure.steps : (area.bottom - area.top) / slots.length;
    const middleOf = (at) => isStepped ? area.left + pitch / 2 + (slots[at].position - slots[0].position) / figure.gap * pitch
        : area.top + pitch * (at + 0.5);
    const thick = Math.max(1, Math.min(isStepped ? 56 : 24 * Math.min(spread, 2), pitch * 0.8) / spread);
    const hasValues = isStepped ? longest < pitch / spread - 3 : thick >= 9;
    slots.forEach((slot, at) => {
        const start = middleOf(at) - thick * spread / 2;
        const sideOf = ({ index }) => start + (isStacked ? 0 : index * thick);
        for (const bar of stacks[at]) {
            const [from, to] = [scale(bar.from), scale(bar.to)].sort((a, b) => a - b);
            const [length, width] = [to - from - (isStacked && to - from > 2 ? 1 : 0), thick - (spread > 1 && thick > 3 ? 1 : 0)];
            const name = slot.isRest ? "rest" : colourAt(figure, bar.index);
            nodes.push(isStepped ? block(sideOf(bar), from, width, length, name) : block(from, sideOf(bar), length, width, name));
        }
        for (const bar of hasValues ? tips[at] : []) {
            const [side, end, isBelow] = [sideOf(bar) + thick / 2, scale(bar.to), bar.to < 0];
            nodes.push(isStepped ? label(side, end + (isBelow ? 13 : -4), textOf(bar), "middle", "value")
                : label(end + (isBelow ? -5 : 5), side + 4, textOf(bar), isBelow ? "end" : "start", "value"));
        }
        const room = area.left - 6;
        if (!isStepped) nodes.push(label(room, middleOf(at) + 4, shortened(slot.name || nameOf(slot.value, axis), room), "end", "name"));
    });
    if (isStepped) {
        const marks = slots.map(({ value, position }, at) => ({ x: middleOf(at), value: position, text: nameOf(value, axis) }));
        writeMarks(nodes, area, size, marks, axis.kind === "time" && unitOfGap(figure.gap));
    }
    const at = (index) => {
        const [middle, end] = [middleOf(index), scale(Math.max(0, ...stacks[index].map(({ to }) => to)))];
        const band = isStepped ? block(middle - pitch / 2, area.top, pitch, area.bottom - area.top, "band")
            : block(0, middle - pitch / 2, size.width, pitch, "band");
        return { x: isStepped ? middle : end, y: isStepped ? end : middle, heading: slots[index].name || headingOf(slots[index].value, axis),
            lines: linesAt(figure, answer, slots[index]), marks: [band] };
    };
    const nearest = (left, top) => nearestOf(slots.length, (index) => Math.abs(middleOf(index) - (isStepped ? left : top)));
    const words = inWords(figure, isStacked ? "Stacked bar chart" : "Bar chart", "bars");
    return { nodes, height: isStepped ? size.height : area.bottom + 4, stops: slots.length, at, nearest, words };
}

function lyingFrame({ axis, slots, series, columns, view }, size, [low, high], longest) {
    const left = Math.min(widest([readable(axis), ...slots.map(({ name, value }) => name || nameOf(value, axis))], 12), size.width * 0.4) + 10;
    const most = view === "bar" && series.length > 1 ? series.length * 16 + 10 : 30;
    const area = { left, right: size.width - longest - 8, top: 22, bottom: Math.floor(22 + Math.min(most * slots.length, size.height - 26)) };
    const y = scaleOf(low, high > low ? high : 1, left + (low < 0 ? longest + 6 : 0), area.right);
    const nodes = [label(left - 6, 12, readable(axis), "end", "title"), label(left, 12, listed(columns.map(readable)), "start", "title"),
        rule(y(0), area.top, y(0), area.bottom, "base")];
    return { nodes, area, y };
}

// From where to where each bar of a slot goes; the parts of a stack stand on each other, negative ones below zero.
function stackOf({ values }, isStacked) {
    const reached = { 1: 0, [-1]: 0 };
    return values.map((value, index) => {
        const side = value < 0 ? -1 : 1;
        const from = isStacked ? reached[side] : 0;
        reached[side] = from + value;
        return { index, value, from, to: from + value };
    }).filter(({ value }) => value !== null);
}

// The end of a stack, with the total as its value.
function tipsOf(bars) {
    const far = bars.reduce((most, bar) => bar.to > most ? bar.to : most, 0);
    return bars.length > 0 ? [{ ...bars[0], to: far, value: bars.reduce((sum, { value }) => sum + value, 0) }] : [];
}

// The first bars, as many as there is room for. The others are added up where that makes sense.
function cutBars(figure, room) {
    const { slots, series, columns, notes } = figure;
    const most = Math.max(5, Math.min(BARS_MOST, room));
    if (slots.length <= most) return;
    const rest = slots.slice(most - 1);
    figure.slots = slots.slice(0, most - 1);
    const values = series.map((_, index) => rest.reduce((sum, slot) => sum + slot.values[index], 0));
    const name = `${formatNumber(rest.length)} others`;
    const isLong = figure.canAdd && totalOf({ values }) > 1.5 * Math.max(...figure.slots.map(totalOf));
    if (figure.canAdd && !isLong) figure.slots.push({ name, isRest: true, value: name, rows: 0, values });
    else notes.push(`${formatNumber(most - 1)} of ${formatNumber(slots.length)} bars are shown; the ${name} ${
        isLong ? `add up to ${numberText(figure, totalOf({ values }), columns[0])}` : "are in the table"}.`);
}

function drawPoints(figure, size, answer) {
    const { axis, split, series, columns: [column] } = figure;
    const points = answer.rows.map((row) => ({ row, x: positionOf(row[axis.index], axis), y: measureOf(row[column.index], column) }))
        .filter((point) => point.x !== null && point.y !== null).sort((a, b) => a.x - b.x);
    const [low, high] = points.reduce(([least, most], point) => [Math.min(least, point.y), Math.max(most, point.y)], [Infinity, -Infinity]);
    const [left, right] = [points[0].x, points[points.length - 1].x];
    const based = (from, to) => from >= 0 && from < to * 0.4 ? 0 : from;
    const picture = frame(figure, size, [based(low, high), high]);
    const { nodes, area, y } = picture;
    const x = scaleAxis(picture, figure, axis.kind === "time" ? left : based(left, right), right, true);
    const places = new Map(series.map(({ own }, index) => [own, index]));
    const drawn = series.map(() => new Set());
    for (const point of points) {
        const own = split ? keyOf(point.row[split.index]) : column.index;
        Object.assign(point, { left: x(point.x), top: y(point.y), place: places.has(own) ? places.get(own) : places.get(null) });
        drawn[point.place].add(dotPath([point.left, point.top]));
    }
    const weight = points.length > 2000 ? "small" : "";
    drawn.forEach((dots, place) => nodes.push(svg("path", { d: [...dots].join(""), class: `points ${weight} ${colourAt(figure, place)}` })));
    const [title] = profileOf(answer).is("category", "naming").sort((a, b) => b.distinct - a.distinct);
    const at = (index) => {
        const { row, left: middle, top, place } = points[index];
        const names = [...new Set([title && title.column, split])].filter(Boolean).map((of) => nameOf(row[of.index], of));
        const lines = [axis, column].map((of) => ({ name: readable(of), text: formatValue(row[of.index], of, columnDigits(answer, of)) }));
        return { x: middle, y: top, heading: names.join(", "), lines, marks: [ring(middle, top, colourAt(figure, place))] };
    };
    const nearest = (px, py) => nearestOf(points.length, (index) => {
        const far = (points[index].left - px) ** 2 + (points[index].top - py) ** 2;
        return far < 2500 ? far : Infinity;
    });
    const span = (of, ...ends) => `${readable(of)} from ${ends.map((end) => of.kind === "time" ? formatTime(end, of) : formatNumber(end)).join(" to ")}`;
    const words = `Scatter chart of ${formatNumber(points.length)} points: ${span(column, low, high)}, ${span(axis, left, right)}.`;
    return { nodes, height: size.height, stops: points.length, at, nearest, words };
}

// ---- the whole

function drawChart(box, answer, choice, size) {
    ruler.family = getComputedStyle(box).fontFamily || "sans-serif";
    const [width, height] = [Math.max(240, Math.floor(size.width) || 320), Math.max(180, Math.floor(size.height) || 320)];
    const figure = answer.columns[choice.x] ? gather(answer, choice, width) : null;
    if (!figure || figure.series.length === 0) {
        box.replaceChildren(element("p", { class: "nothing" }, figure && figure.columns.length > 0
            ? `There is nothing to draw: ${measureNames(figure)} by ${readable(figure.axis)} holds no numbers.`
            : "There is no column here that a chart could show."));
        return;
    }
    if (["bar", "stacked"].includes(figure.view)) orderBars(figure);
    const { series, notes } = figure;
    if (figure.isStepped && figure.steps * (figure.view === "bar" ? series.length : 1) > (width - 60) / 3) {
        Object.assign(figure, { view: "line", isScale: true });
        notes.push("There are too many bars for this width: they are drawn as lines.");
    }
    figure.hasNames = figure.view === "line" && series.length > 1 && width >= 560 && endsApart(figure) && series.length * 15 <= height - 90;
    const isNamed = figure.hasNames || series.length < 2 && !figure.split;
    const legend = isNamed ? null : element("div", { class: "legend" }, series.map(({ name }, index) =>
        element("span", {}, element("i", { class: `swatch ${colourAt(figure, index)}` }), name)));
    const root = element("div", { class: "chart" }, legend);
    box.replaceChildren(root);
    const draw = { bar: drawBars, stacked: drawBars, scatter: drawPoints }[figure.view] || drawLines;
    const picture = draw(figure, { width, height: Math.max(140, height - (legend ? legend.offsetHeight || 24 : 0) - 20) }, answer);
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
        const { x, y, heading, lines, marks } = picture.at(index);
        over.replaceChildren(...marks);
        tip.replaceChildren(element("b", {}, heading), ...lines.map(({ name, text, colour }) => element("div", { class: "pair" },
            element("span", {}, colour ? element("i", { class: `swatch ${colour}` }) : null, name), element("span", {}, text))));
        tip.hidden = false;
        const [wide, high] = [tip.offsetWidth, tip.offsetHeight];
        const left = x + 14 + wide > width ? x - 14 - wide : x + 14;
        tip.style.left = `${Math.round(Math.max(0, Math.min(left, width - wide)))}px`;
        tip.style.top = `${Math.round(Math.max(0, Math.min(y - high / 2, picture.height - high)))}px`;
        if (isSpoken) spoken.textContent = `${heading}: ${lines.map(({ name, text }) => `${name} ${text}`).join(", ")}`;
    };
    const point = (event) => {
        const { left, top } = plot.getBoundingClientRect();
        show(picture.nearest(event.clientX - left, event.clientY - top), false);
    };
    const last = picture.stops - 1;
    const keys = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
    const press = (event) => {
        if (event.key === "Escape") hide();
        if (!Object.hasOwn(keys, event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        const step = keys[event.key];
        const from = current >= 0 ? current : step > 0 ? -1 : last + 1;
        show(Math.max(0, Math.min(last, from + step)), true);
    };
    const leave = (event) => event.pointerType === "mouse" && hide();
    const handlers = { pointermove: point, pointerdown: point, keydown: press, blur: hide, pointerleave: leave };
    for (const [type, handler] of Object.entries(handlers)) plot.addEventListener(type, guarded(handler));
}
