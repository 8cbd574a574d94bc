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

// What scripts/outlines.mjs has packed.
function readOutlines() {
    const shapes = (text) => {
        const values = [...text].map((digit) => OUTLINES.digits.indexOf(digit)).filter((value) => value >= 0);
        let at = 0;
        const next = () => {
            let [number, size] = [0, 1];
            for (; values[at] > 31; size *= 32) number += (values[at++] - 32) * size;
            return number + values[at++] * size;
        };
        const step = () => {
            const number = next();
            return number % 2 ? -(number + 1) / 2 : number / 2;
        };
        const out = [];
        let [lon, lat] = [0, 0];
        while (at < values.length) {
            const run = [];
            for (let left = next(); left > 0; left--) {
                lon += step();
                lat += step();
                run.push(worldX(lon * OUTLINES.step), worldY(lat * OUTLINES.step));
            }
            out.push({ run, box: boxOf([run]) });
        }
        return out;
    };
    const places = OUTLINES.places.split(";").flatMap((text) => {
        const [, kind, from, to, names] = /(\w+) (\S+) (\S+): ([^]+)/.exec(text);
        return names.split(",").map((place) => {
            const [, name, lon, lat] = /(\S.*) (\S+) (\S+)/.exec(place);
            return { kind, from: Number(from), to: Number(to), name, x: worldX(Number(lon)), y: worldY(Number(lat)) };
        });
    });
    return { land: shapes(OUTLINES.land), borders: shapes(OUTLINES.borders), lakes: shapes(OUTLINES.lakes), places };
}

// How far the outlines may be off at a place, in degrees.
function outlineError(lon, lat) {
    const [west, south, east, north] = OUTLINES.home;
    const away = Math.hypot(Math.max(west - lon, 0, lon - east), Math.max(south - lat, 0, lat - north));
    return Math.min(OUTLINES.coarse, OUTLINES.fine + OUTLINES.growth * away);
}

// The parts of a GeoJSON value: {kind: "point" | "line" | "area", runs: [[x, y, x, y, …], …]}. Throws if any of it is wrong.
function shapeParts(shape, room, depth = 0) {
    if (shape === null) return [];
    const isDegree = (number, most) => typeof number === "number" && Math.abs(number) <= most;
    const run = (positions, least, near) => {
        room.left -= positions.length;
        if (!Array.isArray(positions) || positions.length < least || room.left < 0 || depth > 8) throw new RangeError("shape");
        const out = [];
        for (const [lon, lat] of positions) {
            if (!isDegree(lon, 180) || !isDegree(lat, 90)) throw new RangeError("position");
            const x = worldX(lon);
            const step = x - (out.at(-2) ?? near ?? x);
            // More than half a world between neighbours: the shorter way is meant, over the date line; a whole world is meant so.
            out.push(Math.abs(step) === 1 ? x : x - Math.round(step), worldY(lat));
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
        case "Point": return [point(at)];
        case "MultiPoint": return at.map(point);
        case "LineString": return [line(at)];
        case "MultiLineString": return at.map(line);
        case "Polygon": return [area(at)];
        case "MultiPolygon": return at.map(area);
        case "GeometryCollection": return all(shape.geometries);
        case "FeatureCollection": return all(shape.features);
        case "Feature": return all([shape.geometry]);
        default: throw new TypeError("type");
    }
}

// Outer rings one way round and holes the other: areas that overlap then share one path without cutting holes into each other.
function turned(ring, way) {
    let twice = 0;
    for (let i = 2; i < ring.length; i += 2) twice += ring[i - 2] * ring[i + 1] - ring[i] * ring[i - 1];
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

const moved = (run, worlds) => worlds === 0 ? run : run.map((value, i) => i % 2 ? value : value - worlds);
const middleOf = ([west, north, east, south]) => [(west + east) / 2, (north + south) / 2];

// The rows that can be drawn. 0°, 0° is what trackers send before they know their place.
function mapItems(answer, choice) {
    const room = { left: MOST_VERTICES };
    const items = [];
    for (const row of answer.rows) {
        const { left } = room;
        const pair = { type: "Point", coordinates: [asNumber(row[choice.lon]), asNumber(row[choice.lat])] };
        try {
            const parts = shapeParts(choice.shape >= 0 ? row[choice.shape] : pair, room)
                .filter(({ kind, runs: [[x, y]] }) => kind !== "point" || x !== 0.5 || y !== 0.5);
            if (parts.length) items.push({ row, parts });
        } catch {
            room.left = left;
        }
    }
    const all = items.flatMap(({ parts }) => parts);
    for (const part of all) part.box = boxOf(part.runs);
    const west = westEnd(all);
    for (const part of all) {
        const worlds = Math.floor(part.box[0] - west);
        part.runs = part.runs.map((run) => moved(run, worlds));
        part.box = moved(part.box, worlds);
    }
    for (const item of items) {
        item.box = boxOf(item.parts.map(({ box }) => box));
        [item.x, item.y] = middleOf(item.box);
    }
    return { items, west };
}

// Where the world is cut open: at the date line, or at Greenwich if that keeps the shapes much closer together.
function westEnd(parts) {
    const spread = (west) => {
        const [from, , to] = boxOf(parts.map(({ box }) => moved(box, Math.floor(box[0] - west))));
        return to - from;
    };
    return spread(0.5) < spread(0) - 0.2 ? 0.5 : 0;
}

// Gives each item its step of colour; returns the legend: by group, or by steps of a measure. Areas and tracks show the measure
// rather than the group, unless the group was named.
function colourItems(answer, choice, items, trackColumn) {
    const measure = answer.columns[choice.y.find((index) => index !== choice.lat && index !== choice.lon)];
    const group = answer.columns[choice.group >= 0 ? choice.group : trackColumn];
    const byMeasure = measure && measureSteps(measure, items);
    const byGroup = group && groupSteps(group, items);
    const isMeasured = !answer.hints.group && (trackColumn !== null || items.some(({ parts }) => parts[0].kind === "area"));
    const plain = { classes: [{ colour: "var(--s1)" }], of: () => 0 };
    const legend = (isMeasured ? byMeasure || byGroup : byGroup || byMeasure) || plain;
    for (const item of items) item.step = legend.of(item.row);
    return legend;
}

// The rows by what they have in a column; with an index below 0, all in one.
function itemsBy(index, items) {
    const groups = new Map();
    for (const item of items) {
        const name = plainText(item.row[index]);
        if (!groups.has(name)) groups.set(name, []);
        groups.get(name).push(item);
    }
    return groups;
}

// Null when a few groups do not cover most of the rows: then colours would say nothing.
function groupSteps(group, items) {
    const groups = [...itemsBy(group.index, items)].sort(([, a], [, b]) => b.length - a.length);
    const shown = groups.slice(0, groups.length > MOST_GROUPS ? MOST_GROUPS - 1 : MOST_GROUPS);
    if (groups.length < 2 || shown.flatMap(([, rows]) => rows).length < items.length / 2) return null;
    const classes = shown.map(([, [{ row }]], i) => ({
        name: formatValue(row[group.index], group, undefined, 40), colour: `var(--s${i + 1})`,
    }));
    const others = groups.length - shown.length;
    if (others > 0) classes.push({ name: `${formatNumber(others)} others`, colour: "var(--ink-2)" });
    const steps = new Map(shown.map(([name], i) => [name, i]));
    return { title: shortText(group.name, 40), classes, of: (row) => steps.get(plainText(row[group.index])) ?? shown.length };
}

// Up to five steps with about as many different values each, cut at round numbers; null when all rows have the same value.
function measureSteps(measure, items) {
    const read = (row) => measureOf(row[measure.index], measure);
    const all = items.map(({ row }) => read(row));
    const numbers = [...new Set(all)].filter((number) => number !== null).sort((a, b) => a - b);
    const [least, most] = [numbers[0], numbers.at(-1)];
    const unit = 10 ** (Math.floor(Math.log10(most - least)) - 1);
    const rounded = (number) => Number((Math.round(number / unit) * unit).toPrecision(12));
    const cuts = [0.2, 0.4, 0.6, 0.8].map((part) => rounded(numbers[Math.floor(numbers.length * part)]));
    const breaks = [...new Set(cuts)].filter((cut) => cut > least && cut <= most);
    if (breaks.length === 0) return null;
    const text = breaks.map((cut) => formatNumber(cut, measure));
    // Of whole numbers a step ends before the next begins.
    const last = numbers.every(Number.isInteger) ? 1 : 0;
    const upTo = (i) => breaks[i + 1] - last === breaks[i] ? "" : ` – ${formatNumber(breaks[i + 1] - last, measure)}`;
    const names = [`under ${text[0]}`, ...text.map((from, i) => `${from}${text[i + 1] ? upTo(i) : " and more"}`)];
    const classes = names.map((name, i) => ({ name, colour: `var(--m${Math.round(1 + i * 4 / breaks.length)})` }));
    if (all.includes(null)) classes.push({ name: "no value", colour: "var(--ink-2)" });
    const of = (row) => read(row) === null ? classes.length - 1 : breaks.filter((cut) => read(row) >= cut).length;
    return { title: `${shortText(measure.name, 40)}${measure.kind === "interval" ? " (hours)" : ""}`, classes, of };
}

// The fixes of vehicles, joined in order of time. Rows are tracks if they have a time, are sorted by it, and neighbours in time
// lie much nearer to each other than rows far apart in it, all together or for each group or name: incidents do not.
function mapTracks(answer, choice, items) {
    const time = answer.columns.find(({ kind }) => kind === "time");
    const arePoints = items.every(({ parts }) => parts.length === 1 && parts[0].kind === "point");
    for (const column of time && arePoints && items.length > 3 ? [-1, choice.group, choice.x] : []) {
        const tracks = [...itemsBy(column, items).values()].filter((fixes) => fixes.length > 2);
        if (areTracks(tracks, time)) return { tracks, column, time };
    }
    return { tracks: [], column: null, time: null };
}

function areTracks(tracks, time) {
    const apart = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
    let [near, far, order] = [0, 0, 0];
    for (const fixes of tracks) {
        const half = Math.floor(fixes.length / 2);
        const times = fixes.map(({ row }) => asTime(row[time.index]));
        if (times.includes(null)) return false;
        for (let i = 1; i < fixes.length; i++) {
            const way = Math.sign(times[i] - times[i - 1]);
            if (way * order < 0) return false;
            order = order || way;
            near += apart(fixes[i - 1], fixes[i]);
            far += apart(fixes[i], fixes[(i + half) % fixes.length]);
        }
    }
    return order !== 0 && near < far / 2;
}

// The item nearest to a place, if not too far. Dots and lines win over areas, small areas over large ones.
function nearestItem(items, [x, y], far) {
    let [best, least] = [null, far];
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
            if (distance < least) [best, least] = [item, distance];
        }
    }
    return best;
}

// ---- in words

const degrees = (number, digits, [minus, plus]) =>
    `${formatNumber(Math.abs(number), undefined, digits)}°${number % 180 === 0 ? "" : ` ${number < 0 ? minus : plus}`}`;
const placeText = (x, y) => `${degrees(latAt(y), 2, "SN")}, ${degrees(lonAt(x), 2, "WE")}`;

function mapSummary(items, [west, north, east, south], places) {
    const [x, y] = middleOf([west, north, east, south]);
    const away = (place) => Math.hypot(place.x - x, place.y - y);
    const town = places.find((place) => place.kind === "town" && away(place) < 0.003);
    const count = items.length === 1 ? "one place" : `${formatNumber(items.length)} places`;
    const [from, to] = [placeText(west, south), placeText(east, north)];
    return `Map of ${count}${town ? ` near ${town.name}` : ""}, ${from === to ? `at ${from}` : `from ${from} to ${to}`}.`;
}

function mapNote(items, rows) {
    const missing = rows.length - items.length;
    if (items.length === 0) return "There is nothing to draw: no row has a place that can be shown on a map.";
    return missing > 0 && `${formatNumber(missing)} of ${formatNumber(rows.length)} rows are not shown on the map.`;
}
