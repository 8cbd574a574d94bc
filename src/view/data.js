// The answer of the server, what its values mean, and how they read. Every value is untrusted, of any shape, and is only text.

const locale = { language: undefined, timeZone: undefined };
const KINDS = {
    number: "int2 int4 int8 float4 float8 numeric money oid", time: "date timestamp timestamptz", boolean: "bool",
    interval: "interval", shape: "geometry geography",
    text: "text varchar bpchar char name citext uuid time timetz bytea inet cidr macaddr",
};
const KIND_OF = new Map(Object.entries(KINDS).flatMap(([kind, types]) => types.split(" ").map((type) => [type, kind])));
const SHAPES = new Set(["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection",
    "Feature", "FeatureCollection"]);
const TIME = /^(\d{4,6})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?)?(?:Z|[+-]\d\d[:\d]*)?$/;
const NUMBER = /^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i;
// Control characters, direction marks, zero-width characters, fillers and tags: what could hide a part of a text or turn it.
const HIDDEN = new RegExp("[\\0-\\x08\\x0b-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f"
    + "\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u2800\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb\\ud800-\\udfff"
    + "\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}]", "gu");
// The text of a shape that came as text, so that it leaves as it came.
const sources = new WeakMap();

// ---- nodes

const element = (name, attributes, ...children) => build(document.createElement(name), attributes, children);
const SVG = "http://www.w3.org/2000/svg";
const svg = (name, attributes, ...children) => build(document.createElementNS(SVG, name), attributes, children);

// Children are nodes or texts, never markup. `on: {click: handler}` listens; attributes that hold code or style are refused.
function build(node, attributes, children) {
    for (const [key, value] of Object.entries(attributes || {})) {
        if (key === "on") {
            for (const [type, handler] of Object.entries(value)) node.addEventListener(type, guarded(handler));
        } else if (value !== false && value !== null && value !== undefined && !/^(on|style|src)/i.test(key)) {
            node.setAttribute(key, value === true ? "" : String(value));
        }
    }
    node.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
    return node;
}

const button = (label, click, attributes) => element("button", { type: "button", ...attributes, on: { click } }, label);

const ICONS = {
    download: "M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.5h11",
    copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
    expand: "M9.5 2.5h4v4M13.5 2.5l-4.5 4.5M6.5 13.5h-4v-4M2.5 13.5l4.5-4.5",
    columns: "M2 4.5h5M11 4.5h3M2 11.5h2M8 11.5h6M7 2.5h4v4H7zM4 9.5h4v4H4z",
    shrink: "M13 7H9V3M9 7l4.5-4.5M3 9h4v4M7 9l-4.5 4.5",
};
const icon = (name) => svg("svg", { width: 16, height: 16, viewBox: "0 0 16 16", "aria-hidden": "true" },
    svg("path", { d: ICONS[name], fill: "none", stroke: "currentColor", "stroke-width": 1.4 }));

// A handler that never throws: what goes wrong in a picture must not stop the page.
function guarded(handler) {
    return (...values) => {
        try {
            Promise.resolve(handler(...values)).catch(failed);
        } catch (error) {
            failed(error);
        }
    };
}

// What can be made of data of any shape, or the other thing.
function attempt(make, other) {
    try {
        return make();
    } catch (error) {
        failed(error);
        return other;
    }
}

// ---- reading

function readAnswer(result) {
    const content = isObject(result) && Array.isArray(result.content) ? result.content : [];
    const texts = content.filter((part) => isObject(part) && typeof part.text === "string").map((part) => part.text);
    const problem = texts.join("\n\n") || "The result holds no text.";
    let data = null;
    try {
        data = isObject(result) && result.isError !== true ? JSON.parse(texts[0]) : null;
    } catch {
        return { problem };
    }
    if (!isObject(data) || !Array.isArray(data.columns) || !Array.isArray(data.rows)) return { problem };
    const width = data.columns.length;
    const isWhole = data.columns.every((column) => typeof column === "string")
        && data.rows.every((row) => Array.isArray(row) && row.length === width);
    if (!isWhole) return { problem };
    const rows = data.rows;
    const columns = data.columns.map((text, index) => {
        const blank = text.lastIndexOf(" ");
        const [name, type] = blank < 0 ? [text, ""] : [text.slice(0, blank), text.slice(blank + 1).toLowerCase()];
        return { name, type, kind: kindOf(type, rows, index), index };
    });
    for (const { index } of columns.filter((column) => column.kind === "shape")) {
        for (const row of rows) row[index] = shapeOf(row[index]) || row[index];
    }
    const hints = hintsOf(isObject(data.view) ? data.view : {});
    const asOf = Number.isNaN(Date.parse(textOf(data.as_of))) ? null : data.as_of;
    return { answer: {
        title: textOf(data.title).trim(), hints, asOf, rowCount: rows.length, truncated: data.truncated === true,
        truncatedBy: textOf(data.truncated_by), notice: textOf(data.notice), columns, rows,
    } };
}

// How the rows are best seen, in the words of whoever made the query.
function hintsOf({ view, x, y, group }) {
    const names = (Array.isArray(y) ? y : [y]).filter((name) => typeof name === "string").slice(0, 20);
    return { view: textOf(view).toLowerCase(), x: textOf(x), y: [...new Set(names)], group: textOf(group) };
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const textOf = (value) => typeof value === "string" ? value : "";

function kindOf(type, rows, index) {
    const kind = KIND_OF.get(type) || "other";
    if (kind !== "text" && type !== "json" && type !== "jsonb") return kind;
    const first = rows.filter((row) => row[index] !== null).slice(0, 3);
    return first.length > 0 && first.every((row) => shapeOf(row[index])) ? "shape" : kind;
}

// GeoJSON as an object, from an object or a text; otherwise null.
function shapeOf(value) {
    let shape = value;
    if (typeof value === "string" && value.startsWith("{")) {
        try {
            shape = JSON.parse(value);
        } catch {
            return null;
        }
    }
    if (!isObject(shape) || !SHAPES.has(shape.type)) return null;
    if (!isObject(shape.geometry) && ![shape.coordinates, shape.geometries, shape.features].some(Array.isArray)) return null;
    if (typeof value === "string") sources.set(shape, value);
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

// Seconds of an interval; a month counts as 30 days, as in PostgreSQL's own order.
function asSeconds(value) {
    // No interval is longer, and the patterns are slow on long texts.
    const text = textOf(value).slice(0, 100);
    const clock = /([+-]?)(\d+):(\d\d):(\d\d(?:\.\d+)?)$/.exec(text);
    const units = [...text.matchAll(/([+-]?\d+) (year|mon|day)s?/g)];
    if (!clock && units.length === 0) return null;
    const days = units.reduce((sum, [, count, unit]) => sum + Number(count) * { year: 360, mon: 30, day: 1 }[unit], 0);
    const time = clock ? (Number(clock[2]) * 60 + Number(clock[3])) * 60 + Number(clock[4]) : 0;
    return days * 86400 + (clock && clock[1] === "-" ? -time : time);
}

// ---- formats

const formats = new Map();

// Making a format is slow, using it is not.
function format(kind, options) {
    const key = `${kind} ${locale.language} ${locale.timeZone} ${JSON.stringify(options)}`;
    if (!formats.has(key)) formats.set(key, new Intl[kind](locale.language, options));
    return formats.get(key);
}

// Whole numbers that name something: grouping their digits would mislead.
const isIdentifier = (column) => column.type === "oid"
    || /^int\d$/.test(column.type) && /((^|[_ ])(id|year|imei|code)|[a-z]I[dD])$/i.test(column.name);

function formatNumber(number, column, digits) {
    const size = Math.abs(number);
    const isOdd = size >= 1e15 || size > 0 && size < (digits === undefined ? 1e-6 : 0.5 / 10 ** digits);
    const places = { minimumFractionDigits: digits || 0, maximumFractionDigits: digits === undefined ? 6 : digits };
    const options = isOdd ? { notation: size >= 1e15 ? "scientific" : "standard", maximumSignificantDigits: 3 } : places;
    return format("NumberFormat", { ...options, useGrouping: !column || !isIdentifier(column) }).format(number);
}

// How many decimals the column shows. More than six are the noise of a division: then as many as its largest number bears.
function columnDigits(answer, column) {
    let most = 0;
    let largest = 0;
    for (const row of answer.rows) {
        const number = asNumber(row[column.index]);
        if (number === null) continue;
        const [, decimals = "", exponent = "0"] = /^[^.e]*(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(String(row[column.index])) || [];
        most = Math.max(most, decimals.length - Number(exponent));
        largest = Math.max(largest, Math.abs(number));
    }
    if (most <= 6 || largest === 0) return Math.min(most, 6);
    return largest >= 1000 ? 1 : largest >= 100 ? 2 : largest >= 1 ? 4 : Math.min(12, 3 - Math.floor(Math.log10(largest)));
}

function formatTime(time, column) {
    const type = column ? column.type : "timestamp";
    const clock = time % 60000 ? "medium" : "short";
    const options = type === "date" ? { dateStyle: "medium" } : { dateStyle: "medium", timeStyle: clock };
    return format("DateTimeFormat", { ...options, timeZone: "UTC" }).format(time);
}

const rowsInWords = (count) => count === 1 ? "1 row" : `${formatNumber(count)} rows`;

// What people read: at most `limit` characters, and nothing hidden in it.
function formatValue(value, column, digits, limit = 300) {
    const number = column.kind === "number" ? asNumber(value) : null;
    const time = column.kind === "time" ? asTime(value) : null;
    if (value === null) return "null";
    if (time !== null) return formatTime(time, column);
    if (column.kind === "shape" && isObject(value)) return shapeText(value);
    if (number === null) return shortText(plainText(value), limit);
    // A number of more than 15 digits is more exact as its text.
    if (Math.abs(number) < 1e15 || !/^-?\d+(\.\d+)?$/.test(String(value))) return formatNumber(number, column, digits);
    const [whole] = String(value).split(".");
    return isIdentifier(column) ? whole : format("NumberFormat", {}).format(BigInt(whole));
}

function shapeText(shape) {
    const inner = isObject(shape.geometry) ? shape.geometry : shape;
    const [x, y] = Array.isArray(inner.coordinates) ? inner.coordinates.slice(0, 2).map(asNumber) : [];
    if (inner.type === "Point" && Number.isFinite(x) && Number.isFinite(y)) return `${y.toFixed(5)}, ${x.toFixed(5)}`;
    return SHAPES.has(inner.type) ? inner.type.replace(/([a-z])([A-Z])/g, "$1 $2") : "Shape";
}

// Cut before the escapes, so that a long text costs no more than a short one.
const shortText = (text, limit) => visible(text.length > limit ? `${text.slice(0, limit)}…` : text);
const visible = (text) => text.replace(HIDDEN, escapeOf);
const escapeOf = (character) => `\\u${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;

function plainText(value) {
    if (value === null || value === undefined) return "";
    if (typeof value !== "object") return String(value);
    try {
        return sources.get(value) || JSON.stringify(value);
    } catch {
        return "(nested too deeply)";
    }
}

// ---- order

function compareValues(a, b, column) {
    if (a === null || b === null) return (a === null) - (b === null);
    if (column.kind === "number") return rank(a, asNumber) - rank(b, asNumber) || compareExact(plainText(a), plainText(b));
    if (column.kind === "time") return rank(a, asTime) - rank(b, asTime) || 0;
    if (column.kind === "interval") return rank(a, asSeconds) - rank(b, asSeconds) || 0;
    if (column.kind === "boolean") return Number(a === true) - Number(b === true);
    return format("Collator", { numeric: true }).compare(plainText(a).slice(0, 1000), plainText(b).slice(0, 1000));
}

// As PostgreSQL orders them: what is no number or time comes last.
function rank(value, read) {
    const known = read(value);
    if (known !== null) return known;
    const word = textOf(value).toLowerCase();
    return word === "-infinity" ? -Number.MAX_VALUE : word === "infinity" ? Number.MAX_VALUE : Infinity;
}

// Two numbers that are the same to JavaScript: digit by digit.
function compareExact(a, b) {
    const decimal = /^-?\d+(\.\d+)?$/;
    if (a === b || !decimal.test(a) || !decimal.test(b)) return 0;
    const places = Math.max(...[a, b].map((text) => (text.split(".")[1] || "").length));
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

// Values exactly as they came. A null is empty, an empty text is "". A spreadsheet would run a text that begins like a formula.
function toCsv(answer, separator = ",") {
    const field = (value) => {
        if (value === null) return "";
        const text = plainText(value);
        const isFormula = /^[=+\-@\t\r\n＝＋－＠]/.test(text) && !NUMBER.test(text) && !/^-infinity$/i.test(text);
        const safe = isFormula ? `'${text}` : text;
        const isPlain = safe !== "" && !safe.includes(separator) && !/["\r\n]|^\s|\s$/.test(safe);
        return isPlain ? safe : `"${safe.replace(/"/g, '""')}"`;
    };
    const lines = [answer.columns.map((column) => column.name), ...answer.rows];
    return lines.map((row) => row.map(field).join(separator)).join("\r\n") + "\r\n";
}
