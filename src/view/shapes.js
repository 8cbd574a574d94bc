// shapes.js — from the rows of an answer to what the map draws: shapes, colours, tracks
//
// A place is kept in "worlds": x runs from 0 at the date line eastwards to 1, y from 0 at 85° north to 1 at 85° south. A shape
// across the date line just goes on beyond 0 or 1, and shapes are moved by whole worlds so that they lie next to each other.

const MOST_VERTICES = 100000;
const MOST_GROUPS = 8;

const worldX = (lon) => (lon + 180) / 360;
const worldY = (lat) => {
    const s = Math.sin(Math.max(-85.0511, Math.min(85.0511, lat)) * Math.PI / 180);
    return 0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI);
};
const lonAt = (x) => (x - Math.floor(x)) * 360 - 180;
const latAt = (y) => Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180 / Math.PI;

// The parts of a GeoJSON value: {kind: "point" | "line" | "area", runs: [[x, y, x, y, …], …]}. Throws if anything in it is wrong.
function shapeParts(shape, room, depth = 0) {
    const run = (positions, least, near = null) => {
        room.left -= positions.length;
        if (!Array.isArray(positions) || positions.length < least || room.left < 0 || depth > 8) throw new RangeError("shape");
        const out = [];
        for (const position of positions) {
            const lon = position[0];
            const lat = position[1];
            if (typeof lon !== "number" || !(Math.abs(lon) <= 180) || typeof lat !== "number" || !(Math.abs(lat) <= 90)) {
                throw new RangeError("position");
            }
            const x = worldX(lon);
            const before = out.length ? out[out.length - 2] : near;
            // More than half a world between neighbours: the shorter way is meant, over the date line.
            out.push(before !== null && Math.abs(x - before) !== 1 ? x - Math.round(x - before) : x, worldY(lat));
        }
        return out;
    };
    const point = (position) => ({ kind: "point", runs: [run([position], 1)] });
    const line = (positions) => ({ kind: "line", runs: [run(positions, 2)] });
    const area = ([first, ...holes]) => {
        const outer = run(first, 4);
        return { kind: "area", runs: [turned(outer, 1), ...holes.map((hole) => turned(run(hole, 4, outer[0]), -1))] };
    };
    const all = (shapes) => shapes.flatMap((inner) => shapeParts(inner, room, depth + 1));
    const at = shape.coordinates;
    switch (shape.type) {
        case "Point": return at.length ? [point(at)] : [];
        case "MultiPoint": return at.map(point);
        case "LineString": return at.length ? [line(at)] : [];
        case "MultiLineString": return at.map(line);
        case "Polygon": return at.length ? [area(at)] : [];
        case "MultiPolygon": return at.map(area);
        case "GeometryCollection": return all(shape.geometries);
        case "FeatureCollection": return all(shape.features);
        case "Feature": return shape.geometry === null ? [] : all([shape.geometry]);
        default: throw new TypeError("type");
    }
}

// Outer rings one way round and holes the other: areas that overlap then share one path without cutting holes into each other.
function turned(ring, way) {
    let twice = 0;
    for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) twice += ring[j] * ring[i + 1] - ring[i] * ring[j + 1];
    if (twice * way >= 0) return ring;
    const out = [];
    for (let i = ring.length - 2; i >= 0; i -= 2) out.push(ring[i], ring[i + 1]);
    return out;
}

// West, north, east and south end of runs, or of boxes, which are runs of two corners.
function boxOf(runs) {
    let [west, north, east, south] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const run of runs) {
        for (let i = 0; i < run.length; i += 2) {
            if (run[i] < west) west = run[i];
            if (run[i] > east) east = run[i];
            if (run[i + 1] < north) north = run[i + 1];
            if (run[i + 1] > south) south = run[i + 1];
        }
    }
    return [west, north, east, south];
}

// The rows that can be drawn, and how many are wrong or have no place. 0°, 0° is what trackers send before they know theirs.
function mapItems(answer, choice) {
    const room = { left: MOST_VERTICES };
    const items = [];
    let [lost, placeless] = [0, 0];
    for (const row of answer.rows) {
        const { left } = room;
        try {
            const pair = [row[choice.lon], row[choice.lat]];
            const shape = choice.shape >= 0 ? row[choice.shape]
                : pair.includes(null) ? null : { type: "Point", coordinates: pair.map(asNumber) };
            const parts = (shape === null ? [] : shapeParts(shape, room))
                .filter(({ kind, runs }) => kind !== "point" || runs[0][0] !== 0.5 || runs[0][1] !== 0.5);
            for (const part of parts) part.box = part.kind === "point" ? [...part.runs[0], ...part.runs[0]] : boxOf(part.runs);
            if (parts.length) items.push({ row, parts, step: 0, size: 0 });
            else placeless++;
        } catch {
            lost++;
            room.left = left;
        }
    }
    const west = westEnd(items);
    for (const item of items) {
        for (const part of item.parts) {
            const worlds = Math.floor(part.box[0] - west);
            if (worlds === 0 || part.box[2] - part.box[0] >= 1) continue;
            part.runs = part.runs.map((run) => run.map((value, i) => i % 2 ? value : value - worlds));
            part.box = boxOf(part.runs);
        }
        item.box = item.parts.length > 1 ? boxOf(item.parts.map(({ box }) => box)) : item.parts[0].box;
        item.x = (item.box[0] + item.box[2]) / 2;
        item.y = (item.box[1] + item.box[3]) / 2;
    }
    return { items, lost, placeless, west };
}

// Where the world is cut open: at the date line, or in the middle of the widest empty stretch if the shapes lie across that line.
function westEnd(items) {
    const full = new Array(360).fill(false);
    let [first, last] = [1, 0];
    for (const { box } of items.flatMap(({ parts }) => parts)) {
        first = Math.min(first, box[0]);
        last = Math.max(last, box[2]);
        const start = Math.floor(box[0] * 360);
        const end = Math.min(Math.floor(box[2] * 360), start + 359);
        for (let bin = start; bin <= end; bin++) full[(bin + 360) % 360] = true;
    }
    let [widest, middle, empty] = [0, 0, 0];
    for (let bin = 0; bin < 720; bin++) {
        empty = full[bin % 360] ? 0 : empty + 1;
        if (empty > widest && empty <= 360) [widest, middle] = [empty, bin + 1 - empty / 2];
    }
    const isUsual = first >= 0 && last <= 1 && widest - (1 - last + first) * 360 < 60;
    return isUsual ? 0 : (middle % 360) / 360;
}

// Gives each item its step of colour and of size; returns the legend: by group, or by steps of a measure. Areas and tracks show
// the measure rather than the group, unless the group was named.
function colourItems(answer, choice, items, trackColumn) {
    const measure = answer.columns[choice.y.find((index) => index !== choice.lat && index !== choice.lon)];
    const group = answer.columns[choice.group >= 0 ? choice.group : trackColumn];
    const steps = measure ? measureSteps(measure, items) : null;
    const hasAreas = items.some(({ parts }) => parts[0].kind === "area");
    const isMeasured = steps && !answer.hints.group && (trackColumn !== null || hasAreas);
    const groups = group && !isMeasured ? groupSteps(group, items) : null;
    const shown = groups || steps || { title: "", classes: [{ colour: "var(--s1)" }], of: () => 0 };
    const isSized = steps && trackColumn === null && items.length <= 500;
    for (const item of items) {
        item.step = shown.of(item.row);
        item.size = isSized ? Math.max(0, steps.sizeOf(item.row)) : 0;
    }
    const larger = groups && isSized ? steps.title : "";
    return { title: shown.title, classes: shown.classes, larger, group: groups ? group.index : -1 };
}

// Null when a few groups do not cover most of the rows: then colours would say nothing.
function groupSteps(group, items) {
    const first = new Map();
    const counts = new Map();
    const nameOf = (row) => plainText(row[group.index]);
    for (const { row } of items) {
        const name = nameOf(row);
        if (!first.has(name)) first.set(name, row[group.index]);
        counts.set(name, (counts.get(name) || 0) + 1);
    }
    const names = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a));
    const shown = names.slice(0, names.length > MOST_GROUPS ? MOST_GROUPS - 1 : MOST_GROUPS);
    if (names.length < 2 || shown.reduce((sum, name) => sum + counts.get(name), 0) < items.length / 2) return null;
    const text = (name) => formatValue(first.get(name), group, undefined, 40);
    const classes = shown.map((name, i) => ({ name: text(name), colour: `var(--s${i + 1})` }));
    if (names.length > shown.length) {
        classes.push({ name: `${formatNumber(names.length - shown.length)} others`, colour: "var(--ink-2)" });
    }
    const steps = new Map(shown.map((name, i) => [name, i]));
    return { title: shortText(group.name, 40), classes, of: (row) => steps.get(nameOf(row)) ?? shown.length };
}

// Up to five steps with about as many different values each, cut at round numbers; null when all rows have the same value.
function measureSteps(measure, items) {
    const read = (row) => measureOf(row[measure.index], measure);
    const known = items.map(({ row }) => read(row)).filter((number) => number !== null);
    const numbers = [...new Set(known)].sort((a, b) => a - b);
    const [least, most] = [numbers[0], numbers[numbers.length - 1]];
    const unit = 10 ** (Math.floor(Math.log10(most - least)) - 1);
    const cuts = [0.2, 0.4, 0.6, 0.8].map((part) => Math.round(numbers[Math.floor(numbers.length * part)] / unit) * unit);
    const breaks = [...new Set(cuts.map((cut) => Number(cut.toPrecision(12))))].filter((cut) => cut > least && cut <= most);
    if (breaks.length === 0) return null;
    const text = [...breaks.map((cut) => formatNumber(cut, measure)), ""];
    const classes = [[5], [1, 5], [1, 3, 5], [1, 2, 4, 5], [1, 2, 3, 4, 5]][breaks.length].map((shade, i) => ({
        name: i === 0 ? `under ${text[0]}` : text[i] ? `${text[i - 1]} – ${text[i]}` : `${text[i - 1]} and more`,
        colour: `var(--m${shade})`,
    }));
    const sizeOf = (row) => read(row) === null ? -1 : breaks.filter((cut) => read(row) >= cut).length;
    if (known.length < items.length) classes.push({ name: "no value", colour: "var(--ink-2)" });
    const title = `${shortText(measure.name, 40)}${measure.kind === "interval" ? " (hours)" : ""}`;
    return { title, classes, sizeOf, of: (row) => sizeOf(row) < 0 ? classes.length - 1 : sizeOf(row) };
}

// The fixes of vehicles, joined in order of time. Rows are tracks if they have a time, are sorted by it, and neighbours in time
// lie much nearer to each other than rows far apart in it, all together or for each value of a column: incidents do not.
function mapTracks(answer, choice, items) {
    const time = answer.columns.find(({ kind }) => kind === "time");
    if (!time || items.length < 4 || items.some(({ parts }) => parts.length !== 1 || parts[0].kind !== "point")) {
        return { tracks: [], column: null, time: null };
    }
    const times = new Map(items.map((item) => [item, asTime(item.row[time.index])]));
    const texts = answer.columns.filter(({ kind }) => kind === "text").map(({ index }) => index);
    for (const column of [-1, ...choice.group < 0 ? [] : [choice.group], ...texts]) {
        const groups = new Map();
        for (const item of items) {
            const name = column < 0 ? "" : plainText(item.row[column]);
            if (!groups.has(name)) groups.set(name, []);
            groups.get(name).push(item);
        }
        const tracks = [...groups.values()].filter((fixes) => fixes.length > 2);
        if (areTracks(tracks, times)) return { tracks, column, time };
    }
    return { tracks: [], column: null, time: null };
}

function areTracks(tracks, times) {
    const apart = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
    let [near, far, order] = [0, 0, 0];
    for (const fixes of tracks) {
        const half = Math.floor(fixes.length / 2);
        for (let i = 1; i < fixes.length; i++) {
            const [before, now] = [times.get(fixes[i - 1]), times.get(fixes[i])];
            const way = Math.sign(now - before);
            if (before === null || now === null || way * order < 0) return false;
            order = order || way;
            near += apart(fixes[i - 1], fixes[i]);
            far += apart(fixes[i], fixes[(i + half) % fixes.length]);
        }
    }
    return order !== 0 && near < far / 2;
}

// The item nearest to a place, if not too far, and how many dots lie there. Dots and lines win over areas,
// small areas over large ones.
function nearestItem(items, [x, y], far) {
    let [best, least, here] = [null, far, 0];
    for (const item of items) {
        const [w, n, e, s] = item.box;
        if (x < w - far || x > e + far || y < n - far || y > s + far) continue;
        for (const { kind, runs } of item.parts) {
            let distance = Infinity;
            let isInside = false;
            for (const run of runs) {
                for (let i = 0, j = kind === "area" ? run.length - 2 : 0; i < run.length; j = i, i += 2) {
                    const [ax, ay, dx, dy] = [run[j], run[j + 1], run[i] - run[j], run[i + 1] - run[j + 1]];
                    const along = within(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy) || 0, 0, 1);
                    distance = Math.min(distance, Math.hypot(ax + along * dx - x, ay + along * dy - y));
                    if (ay > y !== ay + dy > y && x < ax + dx * (y - ay) / dy) isInside = !isInside;
                }
            }
            if (kind === "area" && isInside) distance = far * (0.9 + 0.09 * (e - w) / (e - w + 1e-4));
            if (kind === "point" && distance < far / 5) here++;
            if (distance < least) [best, least] = [item, distance];
        }
    }
    return [best, here];
}

// ---- in words

const degrees = (number, digits, [minus, plus]) =>
    `${formatNumber(Math.abs(number), undefined, digits)}°${number % 180 === 0 ? "" : ` ${number < 0 ? minus : plus}`}`;
const placeText = (x, y) => `${degrees(latAt(y), 2, "SN")}, ${degrees(lonAt(x), 2, "WE")}`;

function mapSummary(items, [west, north, east, south], places) {
    const [x, y] = [(west + east) / 2, (north + south) / 2];
    const away = (place) => Math.hypot(place.x - x, place.y - y);
    const town = places.filter(({ isTown }) => isTown).reduce((best, place) => away(place) < away(best) ? place : best);
    const near = away(town) < 0.003 ? `, near ${town.name}` : "";
    const from = `${placeText(west, south)} in the south-west to ${placeText(east, north)} in the north-east`;
    return items.length === 1 ? `Map of one place, at ${placeText(x, y)}${near}.`
        : `Map of ${formatNumber(items.length)} places${near}, from ${from}.`;
}

function mapNote({ items, lost, placeless }) {
    const all = items.length + lost + placeless;
    const of = (count, word, rest) => `${formatNumber(count)} of ${formatNumber(all)} ${all === 1 ? word : `${word}s`} ${rest}.`;
    const has = placeless === 1 ? "has" : "have";
    return [lost > 0 && of(lost, "shape", "could not be drawn"), placeless > 0 && of(placeless, "row", `${has} no place`)]
        .filter(Boolean).join(" ");
}
