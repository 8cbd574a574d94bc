// What a chart shows before it is drawn: words, slots and series, the order of bars, round numbers and dates for its axes.

const SERIES_MOST = 8;
const BARS_MOST = 30;
const MINUTE = 60000;
const DAY = 1440 * MINUTE;
// Weekdays and months keep the order that they come in.
const CALENDAR = /^(mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)/i;
const ruler = {};

// ---- words

const readable = ({ name, kind }) =>
    (shortText(name.replace(/_+/g, " ").trim(), 24) || "value") + (kind === "interval" ? " (hours)" : "");
const listed = (names) => names.join(", ").replace(/, ([^,]*)$/, " and $1");

function nameOf(value, column) {
    if (value === null) return "(no value)";
    if (column.kind === "boolean") return `${readable(column)}: ${value === true ? "yes" : "no"}`;
    return formatValue(value, column, undefined, 24).trim() || "(empty)";
}

function widthOf(text, size) {
    if (!ruler.context) ruler.context = document.createElement("canvas").getContext("2d");
    ruler.context.font = `${size}px ${ruler.family}`;
    return ruler.context.measureText(text).width;
}

const widest = (texts, size = 11) => texts.reduce((most, text) => Math.max(most, widthOf(text, size)), 0);

// Characters are taken off before the ellipsis, which is one, too.
function shortened(text, width) {
    let short = text;
    while (short.length > 2 && widthOf(short, 12) > width) short = `${short.slice(0, -2).trim()}…`;
    return short;
}

// ---- figures

const positionOf = (value, column) => column.kind === "time" ? asTime(value) : measureOf(value, column);

const addedTo = (part, number) => ({ ...part, sum: part.sum + number, count: part.count + 1 });

// Slots along the x axis, each with one number or null per series. Rows that share both are added up, or averaged.
function gather(answer, choice, width) {
    const [axis, split] = [answer.columns[choice.x], answer.columns[choice.group]];
    const columns = choice.y.map((index) => answer.columns[index]).filter(Boolean);
    const isScale = choice.view === "line" || choice.view === "scatter";
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
            if (number === null) continue;
            const own = split ? keyOf(row[split.index]) : column.index;
            const name = () => split ? nameOf(row[split.index], split) : readable(column);
            if (!series.has(own)) series.set(own, { own, column, name: name(), sum: 0, count: 0 });
            const cell = slot.cells.get(own) || { sum: 0, count: 0 };
            slot.cells.set(own, addedTo(cell, number));
            series.set(own, addedTo(series.get(own), Math.abs(number)));
        }
    }
    const figure = { view: choice.view, axis, split, columns, slots: [...slots.values()], notes: [], digits: [] };
    for (const column of columns) figure.digits[column.index] = column.kind === "interval" ? 1 : columnDigits(answer, column);
    figure.canAdd = columns.every(isAdded);
    figure.series = largest(figure, [...series.values()], width);
    fillValues(figure);
    if (isScale) figure.slots.sort((a, b) => a.position - b.position);
    return figure;
}

// As many series as an eye can tell apart: the largest, in the order in which they came.
function largest({ view, canAdd, notes }, series, width) {
    const most = view === "bar" && width < 480 ? 4 : SERIES_MOST;
    if (series.length <= most) return series;
    // A stack keeps its total.
    const isFolded = view === "stacked";
    const sizeOf = ({ sum, count }) => canAdd ? sum : sum / count;
    const kept = [...series].sort((a, b) => sizeOf(b) - sizeOf(a)).slice(0, isFolded ? most - 1 : most);
    const shown = series.filter((part) => kept.includes(part));
    const name = othersOf(series.length - kept.length);
    if (isFolded) return [...shown, { ...series[0], own: null, name, isRest: true }];
    notes.push(`The ${formatNumber(most)} largest series are shown, ${name} are left out.`);
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
    const shared = listed([axis, split].filter(Boolean).map(readable));
    if (isMerged && view !== "scatter") notes.push(`Rows of the same ${shared} are ${canAdd ? "added up" : "averaged"}.`);
}

const totalOf = ({ values }) => values.reduce((sum, value) => value === null ? sum : sum + value, 0);

// Bars stand on times and on even steps. Names keep the order of the rows if it means something; otherwise the largest is first.
function orderBars(figure) {
    const { axis, slots } = figure;
    const positions = slots.map(({ position }) => position);
    if (!positions.includes(null) && orderOf(positions) !== 0 && (axis.kind === "time" || isEven(positions))) {
        slots.sort((a, b) => a.position - b.position);
        figure.gap = leastOf(gapsOf(slots.map(({ position }) => position)));
        figure.steps = (slots[slots.length - 1].position - slots[0].position) / figure.gap + 1;
        return;
    }
    const isNamed = slots.every(({ value }, at) => at === 0 || compareValues(slots[at - 1].value, value, axis) <= 0);
    const isRanked = orderOf(slots.map(totalOf)) !== 0;
    const isCalendar = slots.every(({ value }) => CALENDAR.test(value));
    if (!isCalendar && !isRanked && (!isNamed || slots.length > BARS_MOST)) slots.sort((a, b) => totalOf(b) - totalOf(a));
}

// The first bars, as many as there is room for; how many more there are is said in words.
function cutBars(figure, room) {
    const { slots, notes } = figure;
    const most = Math.max(5, Math.min(BARS_MOST, room));
    if (slots.length <= most) return;
    figure.slots = slots.slice(0, most);
    notes.push(`${formatNumber(most)} of ${formatNumber(slots.length)} bars are shown: see the table for all.`);
}

const othersOf = (count) => `${formatNumber(count)} ${count === 1 ? "other" : "others"}`;
const numberText = ({ digits }, number, column) => formatNumber(number, column, digits[column.index]);

// The lowest and the highest value, and where they are.
function extremes({ slots }) {
    const all = slots.flatMap((slot) => slot.values.map((value, index) => ({ value, index, slot })))
        .filter(({ value }) => value !== null).sort((a, b) => a.value - b.value);
    return [all[0], all[all.length - 1]];
}

function inWords(figure, kind, things) {
    const { axis, split, series, slots, columns } = figure;
    const [low, high] = extremes(figure).map(({ value, index, slot }) => {
        const of = series.length > 1 ? `${series[index].name}, ` : "";
        return `${numberText(figure, value, series[index].column)} (${of}${nameOf(slot.value, axis)})`;
    });
    const [from, to] = [slots[0], slots[slots.length - 1]].map(({ value }) => nameOf(value, axis));
    const by = listed([axis, split].filter(Boolean).map(readable));
    const count = formatNumber(slots.length);
    const what = `${listed(columns.map(readable))} by ${by}`;
    return `${kind}: ${what}, ${count} ${things} from ${from} to ${to}. Lowest: ${low}. Highest: ${high}.`;
}

// What is at a slot: its values, the total of a stack, and the other columns when it is a single row.
function linesAt(figure, answer, { values, row, rows }) {
    const { series, axis, split, columns, view } = figure;
    const shown = series.map((part, index) => ({ ...part, value: values[index], colour: colourAt(figure, index) }))
        .filter(({ value }) => value !== null || series.length === 1);
    const lines = shown.map(({ name, colour, value, column }) =>
        ({ name, colour, text: value === null ? "null" : numberText(figure, value, column) }));
    const total = view === "stacked" ? [{ name: "Total", text: numberText(figure, totalOf({ values }), columns[0]) }] : [];
    const isOther = (column) => !["shape", "other"].includes(column.kind) && ![axis, split, ...columns].includes(column);
    const others = rows === 1 ? answer.columns.filter(isOther).slice(0, 6) : [];
    return [...lines, ...total, ...others.map((column) => lineOf(answer, row, column))];
}

const lineOf = (answer, row, column) =>
    ({ name: readable(column), text: formatValue(row[column.index], column, columnDigits(answer, column), 40) });

// ---- axes

const scaleOf = (low, high, from, to) => (value) =>
    high === low ? (from + to) / 2 : from + (value - low) / (high - low) * (to - from);
const gapsOf = (positions) => positions.slice(1).map((position, index) => position - positions[index]);
const leastOf = (numbers) => numbers.reduce((a, b) => Math.min(a, b), Infinity);

// Where a regular series leaves out a day or an hour, its line is broken.
function breaksOf(positions) {
    const gaps = gapsOf(positions);
    const least = leastOf(gaps);
    const isRegular = gaps.filter((gap) => gap < least * 1.2).length > gaps.length / 2;
    return gaps.map((gap) => isRegular && gap > least * 1.5);
}

// Round numbers that begin at or below `low` and end at or above `high`.
function ticksOf(low, high, count, isWhole) {
    const [from, to] = low === high ? [Math.min(0, low), Math.max(low, 0) || 1] : [low, high];
    const rough = (to - from) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const round = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999);
    const step = Math.max(isWhole ? 1 : 0, round);
    const first = Math.floor(from / step + 1e-9);
    const length = Math.ceil(to / step - 1e-9) - first + 1;
    return Array.from({ length }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

const tickText = (tick) => format("NumberFormat", {
    notation: Math.abs(tick) < 1e15 ? "compact" : "scientific", maximumSignificantDigits: 6,
}).format(tick);

// Steps of a time axis: seconds to two weeks, then whole months.
const MONTH = 30.4 * DAY;
const MINUTES = [1 / 60, 1, 5, 15, 30, 60, 180, 360, 720].map((count) => count * MINUTE);
const DAYS_AND_WEEKS = [1, 2, 7, 14].map((count) => count * DAY);
const MONTHS = [1, 3, 6, 12, 24, 60, 120, 300, 600, 1200, 6000, 12000].map((count) => count * MONTH);

function timeTicks(low, high, count, isDate, gap) {
    const steps = [...isDate ? [] : MINUTES, ...DAYS_AND_WEEKS, ...MONTHS];
    const step = steps.find((size) => (high - low) / size <= count && (size > gap * 0.9 || gap === Infinity)) || 12000 * MONTH;
    const months = Math.round(step / MONTH);
    // Weeks begin on Monday, and 5 January 1970 was one.
    const origin = step >= 7 * DAY ? 4 * DAY : 0;
    const timeAt = (index) => months ? new Date(0).setUTCFullYear(0, index * months, 1) : origin + index * step;
    const start = new Date(low);
    const ticks = [];
    const first = months ? (start.getUTCFullYear() * 12 + start.getUTCMonth()) / months : (low - origin) / step;
    for (let index = Math.floor(first); timeAt(index) <= high; index += 1) if (timeAt(index) >= low) ticks.push(timeAt(index));
    return { ticks, unit: unitOfStep(step) };
}

const unitOfStep = (step) => step < DAY ? "hour" : step < 28 * DAY ? "day" : step < 360 * DAY ? "month" : "year";

// What stands at a tick, and below it the day or the year to which it belongs.
function timeTexts(time, unit) {
    const text = (options) => format("DateTimeFormat", { ...options, timeZone: "UTC" }).format(time);
    const [day, year] = [{ day: "numeric", month: "short" }, { year: "numeric" }];
    const clock = { hour: "numeric", minute: "2-digit", second: time % MINUTE ? "2-digit" : undefined };
    if (unit === "hour") return [text(clock), text(day)];
    return unit === "year" ? [text(year), ""] : [text(unit === "day" ? day : { month: "short" }), text(year)];
}
