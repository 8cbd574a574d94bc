// Which picture an answer calls for, judged by the kinds, names, order and repetition of its columns.

const PICTURES = ["table", "line", "bar", "stacked", "scatter", "map"];
// Whole words of a name, between underscores.
const words = (list) => new RegExp(`(^|_)(${list.replace(/ /g, "|")})(?=_|$)`, "i");
// Numbers that name a thing are never measured.
const NAMING = words("id imei msisdn phone mobile serial rank row_number");
// Numbers that are steps of a scale when they step evenly, such as the hour of the day or the bucket of a histogram.
const STEPPING = words("minute hour day dow isodow week month quarter year bucket bin band");
const MONEY = words("kes usd eur cost price amount");
const LATITUDE = words("lat latitude");
const LONGITUDE = words("lon lng long longitude");
// Numbers that say nothing of a place on a map.
const WEAK = words("odometer radius heading bearing altitude accuracy");
// Averages, shares and extremes: to add them up would be wrong.
const NOT_ADDED = words("avg average mean median min max first last latest pct percent share ratio rate rated per mttr mtbf "
    + "speed kmh score utili[sz]ation price age temperature");
const UNIT = /(\w*per_\w+|km|kmh|m|l|litres|liters|kg|hours|minutes|seconds|days|pct|percent|kes|usd|eur)$/i;

const isAdded = (column) => column.kind === "number" && !NOT_ADDED.test(column.name);
const unitOf = ({ name }) => (UNIT.exec(name.slice(-30)) || [""])[0].toLowerCase();
const keyOf = (value) => `${value === null} ${plainText(value)}`;

// A measure as a number, an interval in hours; nothing that no axis can hold.
function measureOf(value, { kind }) {
    const seconds = kind === "interval" ? asSeconds(value) : null;
    const number = kind === "number" ? asNumber(value) : seconds === null ? NaN : seconds / 3600;
    return number !== null && Math.abs(number) < 1e100 ? number : null;
}

// ---- what each column is for

const profiles = new WeakMap();

function profileOf(answer) {
    if (profiles.has(answer)) return profiles.get(answer);
    const size = answer.rows.length;
    const columns = answer.columns.map((column) => {
        const values = answer.rows.map((row) => row[column.index]);
        const numbers = values.map((value) => measureOf(value, column)).filter((number) => number !== null);
        const most = numbers.reduce((most, number) => Math.max(most, Math.abs(number)), 0);
        const distinct = new Set(values.map(keyOf)).size;
        const facts = { ...column, values, numbers, most, distinct, isUnique: distinct === size, isConstant: distinct < 2 };
        return { ...facts, role: roleOf(facts) };
    });
    const is = (...roles) => columns.filter(({ role }) => roles.includes(role));
    const measures = is("measure").length > 0 ? is("measure") : is("interval");
    const profile = { answer, size, columns, is, measures, place: placeOf(columns) };
    profiles.set(answer, profile);
    return profile;
}

// measure, category, time, step, naming, place, shape, interval or none
function roleOf({ name, kind, values, numbers }) {
    const known = values.filter((value) => value !== null);
    const isCounted = kind === "number" || kind === "interval";
    if (known.length === 0 || isCounted && numbers.length === 0) return "none";
    if (["time", "shape", "interval"].includes(kind)) return kind;
    if (!isCounted) return known.every((value) => typeof value !== "object") ? "category" : "none";
    if (LATITUDE.test(name) || LONGITUDE.test(name)) return "place";
    if (STEPPING.test(name) && !/(per|by)_/i.test(name) && numbers.length === values.length && isEven(numbers)) return "step";
    return NAMING.test(name) ? "naming" : "measure";
}

function isEven(numbers) {
    const gaps = gapsOf([...new Set(numbers)].sort((a, b) => a - b));
    const least = leastOf(gaps);
    return gaps.length > 0 && gaps.every((gap) => gap / least < 10 && Math.abs(gap / least - Math.round(gap / least)) < 1e-6);
}

// The first latitude and the first longitude by name, if their values can be.
function placeOf(columns) {
    const [lat, lon] = [[LATITUDE, 90], [LONGITUDE, 180]].map(([word, limit]) => columns.find(({ role, name, numbers }) =>
        role === "place" && word.test(name) && numbers.some((number) => Math.abs(number) <= limit)));
    return lat && lon ? { lat: lat.index, lon: lon.index } : null;
}

// 1 ascending, -1 descending, 0 neither. Equal neighbours are allowed.
function orderOf(numbers) {
    const way = Math.sign(numbers[numbers.length - 1] - numbers[0]);
    return way && numbers.every((number, index) => index === 0 || (number - numbers[index - 1]) * way >= 0) ? way : 0;
}

// The measure by which the rows are sorted. Where several are, one without ties, then one of money, then the last: amounts come
// after the counts they are made of.
const rankedBy = (measures) => [
    ({ numbers }) => orderOf(numbers) !== 0,
    ({ numbers, distinct }) => distinct === numbers.length,
    ({ name }) => MONEY.test(name),
].reduce((left, test, index) => index > 0 && !left.some(test) ? left : left.filter(test), measures).pop();

// The measures that share an axis with the first one: same unit by name, same magnitude.
function alike([first, ...others]) {
    const isLike = (other) => unitOf(other) === unitOf(first)
        && Math.max(other.most, first.most) <= 10 * Math.min(other.most, first.most);
    return first ? [first, ...others.filter(isLike)].slice(0, 6) : [];
}

// True when no two rows have the same values in both columns.
const areUnique = ({ answer, size }, a, b) =>
    new Set(answer.rows.map((row) => JSON.stringify([keyOf(row[a.index]), keyOf(row[b.index])]))).size === size;
const fewOf = (names) => names.find(({ distinct }) => distinct > 1 && distinct <= 8);
const canStack = (facts) => isAdded(facts) && facts.numbers.every((number) => number >= 0);

// ---- the choice

const blank = { view: "table", x: -1, y: [], group: -1, shape: -1, lat: -1, lon: -1 };
const indexOf = (facts) => facts ? facts.index : -1;
const pick = (view, x, y, group) => ({ ...blank, view, x: indexOf(x), y: y.map(indexOf), group: indexOf(group) });

function automatic(profile) {
    const { size, measures, columns, is } = profile;
    if (canMap(profile)) return mapChoice(profile);
    if (size < 2 || measures.length === 0) return blank;
    const [first, last] = [measures[0].index, measures[measures.length - 1].index];
    const [time, ...more] = is("time").filter(({ index }) => index < last);
    const names = is("category").filter(({ isConstant }) => !isConstant);
    // Times among the figures, or many texts: a list of records, to be read.
    if (more.length > 0 || time && time.index > first || names.length > 4) return blank;
    if (time) return overTime(profile, time, names);
    const steps = is("step").filter(({ index }) => index < first).sort((a, b) => b.distinct - a.distinct);
    return steps.length > 0 && overSteps(profile, steps, names) || byCategory(profile, names);
}

function overTime(profile, time, names) {
    const { size, measures } = profile;
    const group = groupOver(profile, time, names);
    if (group && (group.distinct <= 8 || time.distinct < size / 2)) return pick("line", time, [measures[0]], group);
    // One row a day is a series, whatever else it says; rows at odd times that also have names are events.
    if (time.distinct < size * 0.9 || names.length > (time.type === "date" ? 1 : 0)) return blank;
    const ranked = orderOf(time.values.map(asTime)) === 0 && rankedBy(measures);
    return ranked ? pick("bar", time, [ranked]) : pick("line", time, alike(measures));
}

function overSteps(profile, [step, ...rest], names) {
    const together = alike(profile.measures);
    if (step.isUnique) return pick(together.length > 1 || step.distinct > 31 ? "line" : "bar", step, together);
    const group = groupOver(profile, step, [...rest, ...names]);
    return group ? pick("line", step, [profile.measures[0]], group) : null;
}

// The column that tells the rows of one time or step apart.
const groupOver = (profile, axis, others) => axis.isUnique || others.length > 2 ? undefined
    : others.find((other) => other.distinct <= profile.size / 2 && areUnique(profile, axis, other));

function byCategory(profile, names) {
    const { size, measures } = profile;
    const ranked = rankedBy(measures);
    const category = [...names, ...names.length > 0 ? [] : profile.is("naming")].find(({ isUnique }) => isUnique);
    const isPair = measures.length === 2 && alike(measures).length === 1 && size >= (category ? 20 : 3);
    if (isPair && (!ranked || !category)) return pick("scatter", measures[0], [measures[1]], fewOf(names));
    const together = unitOf(measures[0]) ? alike(measures).slice(0, 4) : [measures[0]];
    if (category) return pick("bar", category, ranked ? [ranked] : together);
    if (names.length !== 2 || !areUnique(profile, ...names)) return blank;
    // The parts are the column with few values.
    const [x, group] = names[1].distinct > 8 ? [...names].sort((a, b) => b.distinct - a.distinct) : names;
    const added = measures.find(canStack);
    return added ? pick("stacked", x, [added], group) : pick("bar", x, [measures[0]], group);
}

const canMap = ({ place, is }) => place !== null || is("shape").length > 0;

// For the map: x is what names a place, y what is measured there, group what colours it. Areas and lines say more than points.
function mapChoice({ is, measures, place }) {
    const names = is("category");
    const label = names.find(({ isUnique }) => isUnique) || names[0];
    const telling = measures.filter(({ name }) => !WEAK.test(name));
    const ranked = rankedBy(telling);
    const measure = ranked || telling[0];
    const isPoint = (value) => value === null || /Point$/.test((value.geometry || value).type);
    const shapes = is("shape");
    const shape = shapes.find(({ values }) => !values.every(isPoint)) || shapes[0];
    const group = ranked ? undefined : fewOf(names.filter((name) => name !== label));
    const choice = pick("map", label, measure ? [measure] : [], group);
    return { ...choice, ...place, shape: indexOf(shape) };
}

function offered(answer) {
    const profile = profileOf(answer);
    const { measures, size, is } = profile;
    const added = measures.filter(canStack);
    const axes = size > 1 && measures.length > 0 ? is("category", "time", "step", "naming") : [];
    const can = {
        table: true,
        line: axes.some(({ role, isConstant }) => ["time", "step"].includes(role) && !isConstant),
        bar: axes.length > 0,
        stacked: axes.length > 0 && (axes.length > 1 ? added : alike(added).slice(1)).length > 0,
        scatter: size > 2 && is("measure", "step").length > 1,
        map: canMap(profile),
    };
    return PICTURES.filter((view) => can[view]);
}

function choose(answer) {
    const { view, x, y, group } = answer.hints;
    const views = offered(answer);
    if (views.includes(view)) return choiceFor(answer, view, answer.hints);
    const own = automatic(profileOf(answer));
    const isNamed = [x, group, ...y].some((name) => columnAt(answer, name) >= 0);
    return isNamed ? choiceFor(answer, own.view === "table" ? views[1] : own.view, answer.hints) : own;
}

// The index of a column that was named or numbered; -1 when there is none.
function columnAt({ columns }, wanted) {
    const text = String(wanted || "").toLowerCase();
    return columns.findIndex(({ name, index }) => typeof wanted === "number" ? index === wanted : name.toLowerCase() === text);
}

// The choice for a view that was picked by hand or by the hints; what is not said is filled in.
function choiceFor(answer, view, wanted = {}) {
    const profile = profileOf(answer);
    const { columns, measures, is } = profile;
    if (view === "table" || !offered(answer).includes(view)) return blank;
    const factsOf = (name) => columns[columnAt(answer, name)];
    const [x, group] = [factsOf(wanted.x), factsOf(wanted.group)];
    const measured = [wanted.y].flat().map(factsOf).filter((facts) => facts && facts.numbers.length > 0);
    // What cannot be added up is not stacked, and not left out either.
    if (view === "stacked" && measured.length > 0 && !measured.some(canStack)) return choiceFor(answer, "bar", wanted);
    if (view === "map") {
        const own = mapChoice(profile);
        const y = measured.length > 0 ? measured.map(indexOf) : own.y;
        return { ...own, x: indexOf(x || columns[own.x]), y, group: indexOf(group || columns[own.group]) };
    }
    const own = canMap(profile) ? blank : automatic(profile);
    const canBeAxis = x && (!["line", "scatter"].includes(view) || x.role === "time" || x.numbers.length > 0);
    const axis = canBeAxis ? x : axisFor(profile, view, own, measured);
    const parts = group && group !== axis ? group : partsFor(profile, view, own, axis);
    const fits = (facts) => facts !== axis && (view !== "stacked" || canStack(facts));
    const [drawn, all] = [own.y.map((index) => columns[index]).filter(fits), measures.filter(fits)];
    // A stack needs parts: the values of a column, or several measures.
    const rest = view === "stacked" && !parts ? alike(all) : drawn.length > 0 ? drawn : all.slice(0, 1);
    const y = measured.filter(fits);
    return pick(view, axis, (y.length > 0 ? y : rest).slice(0, parts || view === "scatter" ? 1 : 6), parts);
}

// The column whose values become series: that of the automatic choice, or one that tells the rows of a slot apart.
function partsFor(profile, view, own, axis) {
    const names = profile.is("category").filter((name) => name !== axis && !name.isConstant);
    const before = profile.columns[own.group];
    if (view === "scatter") return fewOf(names);
    if (before && before !== axis && own.view === view) return before;
    // Fixes of several vehicles, each at a time of its own, are lines of their own.
    if (view === "line" && axis.kind === "time" && axis.type !== "date" && axis.isUnique) return fewOf(names);
    return view === "bar" || axis.isUnique ? undefined : names.find((name) => areUnique(profile, axis, name)) || fewOf(names);
}

function axisFor({ is }, view, own, measured) {
    const roles = { line: ["time", "step"], scatter: ["measure", "step"] }[view] || ["category", "time", "step", "naming"];
    const all = is(...roles).filter(({ isConstant }) => !isConstant);
    const usable = all.filter((facts) => !measured.includes(facts));
    const best = usable.find(({ index }) => index === own.x) || usable.find(({ isUnique }) => isUnique);
    return best || usable[0] || all[0] || is(...roles)[0];
}
