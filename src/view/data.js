// The answer of the server, what its values mean, and how they read. Every value is untrusted, of any shape, and is only text.

const locale = { language: undefined, timeZone: undefined };
const KINDS = {
    number: /^(int\d|float\d|numeric|money|oid)$/,
    time: /^(date|timestamp|timestamptz)$/,
    boolean: /^bool$/,
    interval: /^interval$/,
    shape: /^(geometry|geography)$/,
    text: /^(text|varchar|bpchar|char|name|citext|uuid|time|timetz|bytea|inet|cidr|macaddr)$/,
};
const SHAPES = /^((Multi)?(Point|LineString|Polygon)|GeometryCollection|Feature(Collection)?)$/;
const TIME = /^(\d{4,6})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?)?(?:Z|[+-]\d\d[:\d]*)?$/;
const DECIMAL = /^-?\d+(\.\d+)?$/;
const NUMBER = /^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i;
// Control characters, direction marks, zero-width characters, fillers and tags: what could hide a part of a text or turn it.
// Line breaks and tabs may stay, and what gives an emoji its colour.
const HIDDEN = /(?![\t\n\ufe00-\ufe0f])[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800\ufff9-\ufffb]/gu;
// The text of a shape that came as text, so that it leaves as it came.
const sources = new WeakMap();

// ---- nodes

const element = (name, attributes, ...children) => build(document.createElement(name), attributes, children);
const SVG = "http://www.w3.org/2000/svg";
const svg = (name, attributes, ...children) => build(document.createElementNS(SVG, name), attributes, children);

// Children are nodes or texts, never markup. `on: {click: handler}` listens. The names of attributes are never data.
function build(node, attributes, children) {
    for (const [key, value] of Object.entries(attributes || {})) {
        if (key === "on") {
            for (const [type, handler] of Object.entries(value)) node.addEventListener(type, guarded(handler));
        } else if (isGiven(value)) {
            node.setAttribute(key, value === true ? "" : value);
        }
    }
    node.append(...children.flat(3).filter(isGiven));
    return node;
}

const isGiven = (value) => value !== false && value !== null && value !== undefined;

const button = (label, click, attributes) => element("button", { type: "button", ...attributes, on: { click } }, label);

const ICONS = {
    download: "M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.5h11",
    copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
    expand: "M9.5 2.5h4v4M13.5 2.5l-4.5 4.5M6.5 13.5h-4v-4M2.5 13.5l4.5-4.5",
    shrink: "M13 7H9V3M9 7l4.5-4.5M3 9h4v4M7 9l-4.5 4.5",
};
const icon = (name) => svg("svg", { width: 16, height: 16, viewBox: "0 0 16 16", "aria-hidden": "true" },
    svg("path", { d: ICONS[name], fill: "none", stroke: "currentColor", "stroke-width": 1.4 }));

// A handler that never throws: what goes wrong in a picture must not stop the page.
function guarded(handler) {
    return async (...values) => {
        try {
            await handler(...values);
        } catch (error) {
            failed(error);
        }
    };
}

// What can be made of data of any shape, or the other thing.
function attempt(make, other, report) {
    try {
        return make();
    } catch (error) {
        if (report) report(error);
        return other;
    }
}

// ---- reading

// Either the answer, or its text as the problem where it is an error or no table.
function readAnswer({ content, isError }) {
    const texts = [content].flat().map((part) => textOf(objectOf(part).text)).filter(Boolean);
    const { columns: names, rows, error, ...rest } = objectOf(attempt(() => JSON.parse(texts[0])));
    // An error of this server has a message, and often what to do.
    const words = ["message", "detail", "hint"].map((name) => textOf(objectOf(error)[name])).filter(Boolean);
    const problem = (words.length ? words : texts).join("\n\n") || "The result holds no text.";
    const isTable = isError !== true && Array.isArray(names) && names.every((name) => typeof name === "string")
        && Array.isArray(rows) && rows.every((row) => Array.isArray(row) && row.length === names.length);
    if (!isTable) return { problem };
    const columns = names.map((text, index) => {
        const [, name, type] = /^(.*?)(?: ([^ ]*))?$/s.exec(text);
        return { name, type: textOf(type).toLowerCase(), index };
    });
    for (const column of columns) {
        const { index } = column;
        column.kind = kindOf(column.type, rows, index);
        if (column.kind === "shape") for (const row of rows) row[index] = shapeOf(row[index]) || row[index];
    }
    return { answer: {
        columns, rows, rowCount: rows.length, title: textOf(rest.title).trim(), hints: hintsOf(objectOf(rest.view)),
        asOf: Number.isNaN(Date.parse(textOf(rest.as_of))) ? null : rest.as_of,
        truncated: rest.truncated === true, truncatedBy: textOf(rest.truncated_by), notice: textOf(rest.notice),
    } };
}

// How the rows are best seen, in the words of whoever made the query.
function hintsOf({ view, x, y, group }) {
    const measures = new Set([y].flat().map(textOf).filter(Boolean));
    return { view: textOf(view).toLowerCase(), x: textOf(x), y: [...measures].slice(0, 20), group: textOf(group) };
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const objectOf = (value) => isObject(value) ? value : {};
const textOf = (value) => typeof value === "string" ? value : "";

function kindOf(type, rows, index) {
    const kind = Object.keys(KINDS).find((name) => KINDS[name].test(type)) || "other";
    if (kind !== "text" && type !== "json" && type !== "jsonb") return kind;
    const first = rows.filter((row) => row[index] !== null).slice(0, 3);
    return first.length > 0 && first.every((row) => shapeOf(row[index])) ? "shape" : kind;
}

// GeoJSON as an object, from an object or a text; otherwise null.
function shapeOf(value) {
    const isText = typeof value === "string" && value.startsWith("{");
    const shape = objectOf(isText ? attempt(() => JSON.parse(value)) : value);
    const isWhole = isObject(shape.geometry) || [shape.coordinates, shape.geometries, shape.features].some(Array.isArray);
    if (!isWhole || !SHAPES.test(textOf(shape.type))) return null;
    if (isText) sources.set(shape, value);
    return shape;
}

function asNumber(value) {
    const number = typeof value === "number" ? value : typeof value === "string" && NUMBER.test(value) ? Number(value) : NaN;
    return Number.isFinite(number) ? number : null;
}

// Milliseconds of the wall clock as it is written: the offset is left aside, so a day in Nairobi is that day everywhere.
function asTime(value) {
    const parts = TIME.exec(textOf(value));
    if (!parts) return null;
    const [year, month, day, hours, minutes, seconds] = parts.slice(1).map((part) => Number(part || 0));
    const date = new Date(0);
    date.setUTCFullYear(year, month - 1, day);
    const time = date.getTime() + ((hours * 60 + minutes) * 60 + seconds) * 1000;
    return date.getUTCMonth() === month - 1 && Number.isFinite(time) ? time : null;
}

// Seconds of an interval, such as "1 mon -2 days 03:00:00"; a month counts as 30 days, as in PostgreSQL's own order.
const DAYS = { year: 360, mon: 30, day: 1 };
const INTERVAL = /([+-]?)(\d+)(?: (year|mon|day)|:(\d\d):(\d\d(?:\.\d+)?))/g;

function asSeconds(value) {
    // No interval is longer, and the pattern is slow on long texts.
    const parts = [...textOf(value).slice(0, 100).matchAll(INTERVAL)];
    if (parts.length === 0) return null;
    return parts.reduce((sum, [, sign, count, unit, minutes, seconds]) => {
        const size = unit ? count * DAYS[unit] * 86400 : count * 3600 + minutes * 60 + Number(seconds);
        return sign === "-" ? sum - size : sum + size;
    }, 0);
}

// ---- formats

const formats = new Map();

// Making a format is slow, using it is not.
function format(kind, options) {
    const key = `${kind} ${locale.language} ${JSON.stringify(options)}`;
    if (!formats.has(key)) formats.set(key, new Intl[kind](locale.language, options));
    return formats.get(key);
}

// Whole numbers that name something: grouping their digits would mislead.
const isIdentifier = (column) => column.type === "oid"
    || /^int\d$/.test(column.type) && /((^|[_ ])(id|year|imei|code)|[a-z]I[dD])$/i.test(column.name);

function formatNumber(number, column, digits) {
    const size = Math.abs(number);
    const isTiny = size > 0 && size < 0.5 / 10 ** (digits ?? 6);
    const options = size >= 1e15 || isTiny
        ? { maximumSignificantDigits: 3, notation: isTiny ? "standard" : "scientific" }
        : { minimumFractionDigits: digits, maximumFractionDigits: digits ?? 6 };
    return format("NumberFormat", { ...options, useGrouping: !column || !isIdentifier(column) }).format(number);
}

// How many decimals the column shows. More than six are the noise of a division: then as many as its largest number bears.
function columnDigits(answer, column) {
    const numbers = answer.rows.map((row) => row[column.index]).filter((value) => asNumber(value) !== null);
    const decimals = (text) => /e-/i.test(text) ? Infinity : (text.split(".")[1] || "").length;
    const most = numbers.reduce((most, value) => Math.max(most, decimals(String(value))), 0);
    if (most <= 6) return most;
    const largest = numbers.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) || 1;
    return Math.max(1, Math.min(12, 4 - Math.floor(Math.log10(largest))));
}

function formatTime(time, column) {
    const isDay = column && column.type === "date";
    const timeStyle = isDay ? undefined : time % 60000 ? "medium" : "short";
    return format("DateTimeFormat", { dateStyle: "medium", timeStyle, timeZone: "UTC" }).format(time);
}

const rowsInWords = (count) => count === 1 ? "1 row" : `${formatNumber(count)} rows`;

// What people read: at most `limit` characters, and nothing hidden in it.
function formatValue(value, column, digits, limit = 300) {
    if (value === null) return "null";
    const number = column.kind === "number" ? asNumber(value) : null;
    const time = column.kind === "time" ? asTime(value) : null;
    if (time !== null) return formatTime(time, column);
    if (column.kind === "shape" && isObject(value)) return shapeText(value);
    if (number === null) return shortText(plainText(value), limit);
    // A number of more than 15 digits is exact only as its text.
    if (Math.abs(number) < 1e15 || !DECIMAL.test(value)) return formatNumber(number, column, digits);
    return format("NumberFormat", { useGrouping: !isIdentifier(column) }).format(value);
}

function shapeText(shape) {
    const { type, coordinates } = objectOf(shape.geometry || shape);
    const [x, y] = [coordinates].flat().map(asNumber);
    if (type === "Point" && isGiven(x) && isGiven(y)) return `${y.toFixed(5)}, ${x.toFixed(5)}`;
    return SHAPES.test(textOf(type)) ? type.replace(/\B[A-Z]/g, " $&") : "Shape";
}

// Cut before the escapes, so that a long text costs no more than a short one.
// Half a character at the end is left out.
const cut = (text, limit) => text.length > limit ? `${text.slice(0, limit).replace(/[\ud800-\udbff]$/, "")}…` : text;
const shortText = (text, limit) => cut(text, limit).replace(HIDDEN, escapeOf);
const escapeOf = (character) => `\\u${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;

function plainText(value) {
    if (value === null || value === undefined) return "";
    if (typeof value !== "object") return String(value);
    return sources.get(value) || attempt(() => JSON.stringify(value), "(nested too deeply)");
}

// ---- order

const READERS = { number: asNumber, time: asTime, interval: asSeconds };

function compareValues(a, b, column) {
    if (a === null || b === null) return (a === null) - (b === null);
    const read = READERS[column.kind];
    if (read) return rank(a, read) - rank(b, read) || compareExact(plainText(a), plainText(b));
    return format("Collator", { numeric: true }).compare(plainText(a).slice(0, 1000), plainText(b).slice(0, 1000));
}

// As PostgreSQL orders them: what is no number or time comes last.
const INFINITIES = new Map([["-infinity", -Infinity], ["infinity", Number.MAX_VALUE]]);
const rank = (value, read) => read(value) ?? INFINITIES.get(textOf(value).toLowerCase()) ?? Infinity;

// Two numbers that are the same to JavaScript: digit by digit.
function compareExact(a, b) {
    if (a === b || !DECIMAL.test(a) || !DECIMAL.test(b)) return 0;
    const places = Math.max(a.length, b.length);
    const [left, right] = [a, b].map((text) => {
        const [whole, part = ""] = text.split(".");
        return BigInt(whole + part.padEnd(places, "0"));
    });
    return Number(left > right) - Number(left < right);
}

// ---- CSV

// Letters that every system takes.
function fileName(title) {
    const plain = title.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "");
    return `${plain.slice(0, 60).toLowerCase() || "query-result"}.csv`;
}

// What a spreadsheet would run, whatever it skips before it; and what begins like that and is an amount or a time.
const FORMULA = /^[\s\p{Cc}\p{Default_Ignorable_Code_Point}]*[=+\-@＝＋－＠]|^[\t\r\n]/u;
const PLAIN = /^-(infinity|([\d:. -]|years?|mons?|days?)+)$/i;

// Values exactly as they came. A null is empty, an empty text is "". A spreadsheet would run a text that begins like a formula.
function toCsv(answer, separator = ",") {
    const field = (value) => {
        if (value === null) return "";
        const text = plainText(value);
        const isFormula = FORMULA.test(text) && !NUMBER.test(text) && !PLAIN.test(text);
        const safe = isFormula ? `'${text}` : text;
        const isPlain = safe !== "" && !/[",;\t\r\n]|^\s|\s$/.test(safe);
        return isPlain ? safe : `"${safe.replace(/"/g, '""')}"`;
    };
    const lines = [answer.columns.map((column) => column.name), ...answer.rows];
    return lines.map((row) => row.map(field).join(separator)).join("\r\n") + "\r\n";
}
