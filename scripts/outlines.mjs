// outlines.mjs — makes src/view/outlines.js, the outlines of land and countries under the result view's map
//
//   mkdir -p target/tools/atlas && npm install --prefix target/tools/atlas --ignore-scripts world-atlas@2.0.2
//   node scripts/outlines.mjs
//
// The source is Natural Earth 1:10,000,000 (public domain) as the npm package world-atlas packs it: TopoJSON, where a border that
// two countries share is one arc. Arcs are simplified one by one with their ends kept, so what met before still meets.
// East Africa keeps its detail; away from it the tolerance grows. The lakes are not in that package: they are drawn by hand from
// the well-known places on their shores, good to about ten kilometres, which is enough to find one's way.
import { readFileSync, writeFileSync } from "node:fs";

const VERSION = "2.0.2";
const root = new URL("../", import.meta.url);
const atlas = new URL("target/tools/atlas/node_modules/world-atlas/", root);
const { version } = JSON.parse(readFileSync(new URL("package.json", atlas)));
if (version !== VERSION) {
    throw new Error(`world-atlas ${version} is installed, this script is for ${VERSION}`);
}
const topology = JSON.parse(readFileSync(new URL("countries-10m.json", atlas)));

// How exact the outlines are. map.js fades them out by the same figures, which go into the file.
const HOME = [28, -13, 46, 8];
const FINE = 0.012;
const COARSE = 1.2;
const GROWTH = 0.085;
const STEP = 0.005;
// A ring is left out when it covers less than this many squares of the tolerance at its place.
const SMALLEST = 30;

const LAKES = {
    Victoria: [
        [33.20, 0.41], [33.60, 0.28], [33.98, 0.24], [33.98, 0.05], [34.06, -0.10], [34.16, -0.32], [34.40, -0.18],
        [34.72, -0.09], [34.84, -0.25], [34.64, -0.36], [34.46, -0.52], [34.30, -0.46], [34.12, -0.52], [34.08, -1.00],
        [33.94, -1.16], [33.79, -1.48], [33.62, -1.72], [33.36, -1.86], [33.14, -2.06], [33.45, -2.15], [33.82, -2.22], [33.60, -2.38],
        [33.20, -2.42], [32.90, -2.50], [32.86, -2.82], [32.76, -2.56], [32.40, -2.46], [32.10, -2.60], [31.80, -2.68],
        [31.70, -2.30], [31.72, -1.80], [31.82, -1.33], [31.77, -0.95], [31.73, -0.60], [31.95, -0.30], [32.00, -0.06],
        [32.28, 0.00], [32.46, 0.04], [32.65, 0.26], [32.92, 0.12]],
    Turkana: [
        [36.04, 4.58], [36.22, 4.30], [36.16, 3.95], [36.35, 3.55], [36.52, 3.10], [36.70, 2.74], [36.62, 2.42], [36.40, 2.48],
        [36.14, 2.95], [35.96, 3.40], [35.87, 3.80], [35.88, 4.32]],
    Tanganyika: [
        [29.30, -3.36], [29.37, -3.70], [29.58, -4.35], [29.62, -4.88], [29.82, -5.35], [29.74, -6.08], [30.20, -6.50],
        [30.43, -6.85], [30.60, -7.42], [31.15, -8.40], [31.10, -8.76], [30.52, -8.54], [30.20, -7.80], [29.77, -7.05],
        [29.38, -6.50], [29.20, -5.93], [29.30, -5.20], [29.12, -4.45], [29.10, -4.05], [29.24, -3.80], [29.14, -3.42]],
    Malawi: [
        [34.02, -9.50], [34.50, -10.05], [34.62, -10.60], [34.77, -11.28], [34.98, -11.60], [34.80, -12.10], [34.80, -12.70],
        [34.90, -13.40], [35.24, -13.90], [35.26, -14.36], [34.94, -14.06], [34.62, -13.76], [34.30, -12.92], [34.18, -12.30],
        [34.28, -11.60], [34.20, -10.60], [33.96, -9.95]],
    Albert: [[31.42, 2.30], [31.33, 1.82], [30.96, 1.46], [30.55, 1.06], [30.46, 1.36], [30.86, 1.90], [31.20, 2.16]],
};

// Names to find one's way by, with places of our own rounding, the widest known first: what they are, and from which zoom to
// which they are shown.
const PLACES = `
country 4 8: Kenya 37.9 0.6, Uganda 32.3 1.6, Tanzania 34.7 -6.3, Ethiopia 40.2 8.2, Somalia 45.9 5.2, South Sudan 30.6 7.2,
Rwanda 29.8 -2.1, Burundi 29.9 -3.6, DR Congo 24.5 -3.2, Sudan 30.0 14.5, Mozambique 38.2 -14.6, Malawi 33.6 -13.2,
Zambia 28.2 -13.6;
sea 4 8: Indian Ocean 46.5 -4.5, Lake Victoria 33.0 -1.2;
town 3.6 14: Nairobi 36.82 -1.29, Mombasa 39.67 -4.05, Kampala 32.58 0.32, Dar es Salaam 39.21 -6.79, Addis Ababa 38.74 9.03,
Mogadishu 45.34 2.04, Kigali 30.06 -1.95, Juba 31.58 4.85, Khartoum 32.56 15.50;
town 5.3 14: Kisumu 34.77 -0.09, Nakuru 36.07 -0.30, Eldoret 35.27 0.51, Arusha 36.68 -3.37, Dodoma 35.74 -6.17,
Mwanza 32.90 -2.52, Bujumbura 29.36 -3.38, Garissa 39.64 -0.45, Lodwar 35.60 3.12, Marsabit 37.99 2.33, Wajir 40.06 1.75,
Mandera 41.86 3.94, Tanga 39.10 -5.07, Lilongwe 33.77 -13.97;
town 7 14: Malindi 40.12 -3.22, Lamu 40.90 -2.27, Nyeri 36.95 -0.42, Thika 37.07 -1.03, Machakos 37.26 -1.52, Meru 37.65 0.05,
Isiolo 37.58 0.35, Embu 37.45 -0.53, Kitale 35.00 1.02, Kakamega 34.75 0.28, Kericho 35.28 -0.37, Kisii 34.77 -0.68,
Narok 35.87 -1.08, Naivasha 36.43 -0.72, Nanyuki 37.07 0.01, Voi 38.56 -3.40, Moyale 39.05 3.53, Kajiado 36.79 -1.85,
Zanzibar 39.20 -6.16, Moshi 37.34 -3.35, Entebbe 32.46 0.05, Jinja 33.20 0.44;
town 8.6 14: Kiambu 36.83 -1.17, Ruiru 36.96 -1.15, Ngong 36.66 -1.36, Limuru 36.64 -1.11, Athi River 36.98 -1.46,
Kilifi 39.85 -3.63, Bungoma 34.56 0.57, Busia 34.11 0.46, Homa Bay 34.46 -0.53, Kitui 38.01 -1.37, Kikuyu 36.66 -1.25;
town 10.6 14: Westlands 36.81 -1.27, Kasarani 36.90 -1.22, Karen 36.71 -1.32, Embakasi 36.90 -1.32, Likoni 39.66 -4.09,
Nyali 39.71 -4.03, Mtwapa 39.74 -3.95`;

// ── The source ───────────────────────────────────────────────────────────────────────────────────────────────────────
const { scale, translate } = topology.transform;
// Longitudes run on over the date line, so that no step is half a world long.
const nearest = (lon, before) => lon - 360 * Math.round((lon - before) / 360);
const arcs = topology.arcs.map((arc) => {
    let x = 0, y = 0, lon = null;
    return arc.map(([dx, dy]) => {
        x += dx;
        y += dy;
        lon = lon === null ? x * scale[0] + translate[0] : nearest(x * scale[0] + translate[0], lon);
        return [lon, y * scale[1] + translate[1]];
    });
});
const ringsOf = (shape) => shape.type === "Polygon" ? shape.arcs
    : shape.type === "MultiPolygon" ? shape.arcs.flat()
    : (shape.geometries ?? []).flatMap(ringsOf);

// ── Fewer vertices ───────────────────────────────────────────────────────────────────────────────────────────────────
function tolerance([lon, lat]) {
    const away = Math.hypot(Math.max(HOME[0] - lon, 0, lon - HOME[2]), Math.max(HOME[1] - lat, 0, lat - HOME[3]));
    return Math.min(COARSE, FINE + GROWTH * away);
}

// Distance of p from the stretch a to b, in degrees of latitude.
function distance(p, a, b) {
    const squeeze = Math.cos(p[1] * Math.PI / 180);
    const [px, py, bx, by] = [(p[0] - a[0]) * squeeze, p[1] - a[1], (b[0] - a[0]) * squeeze, b[1] - a[1]];
    const length = bx * bx + by * by;
    const t = length ? Math.max(0, Math.min(1, (px * bx + py * by) / length)) : 0;
    return Math.hypot(px - t * bx, py - t * by);
}

// Douglas and Peucker's way: keep the farthest vertex while it is farther than the tolerance at its place. Closed arcs work too.
function simplify(arc) {
    const kept = new Set([0, arc.length - 1]);
    const todo = [[0, arc.length - 1]];
    while (todo.length) {
        const [from, to] = todo.pop();
        let far = 0, at = -1;
        for (let i = from + 1; i < to; i++) {
            const d = distance(arc[i], arc[from], arc[to]) / tolerance(arc[i]);
            if (d > far) {
                [far, at] = [d, i];
            }
        }
        if (far > 1) {
            kept.add(at);
            todo.push([from, at], [at, to]);
        }
    }
    return arc.filter((_, i) => kept.has(i));
}

const snap = ([lon, lat]) => [Math.round(lon / STEP), Math.round(Math.max(-85, Math.min(85, lat)) / STEP)];
const simple = arcs.map((arc) => simplify(arc).map(snap));
const WORLD = Math.round(360 / STEP);
function follow(line, next) {
    const shift = line.length ? Math.round((line.at(-1)[0] - next[0][0]) / WORLD) * WORLD : 0;
    return [...line, ...next.map(([x, y]) => [x + shift, y])];
}
const joined = (indexes) => indexes.map((i) => i < 0 ? simple[~i].toReversed() : simple[i]).reduce(follow, []);

function tidy(points) {
    const out = [];
    for (const p of points) {
        const last = out.at(-1);
        if (!last || p[0] !== last[0] || p[1] !== last[1]) {
            out.push(p);
        }
    }
    return out;
}

// Area in squares of the tolerance at its first vertex.
function size(ring) {
    let twice = 0;
    ring.forEach(([x, y], i) => {
        const [nx, ny] = ring[(i + 1) % ring.length];
        twice += x * ny - nx * y;
    });
    const place = ring[0].map((n) => n * STEP);
    return Math.abs(twice) / 2 * STEP * STEP * Math.cos(place[1] * Math.PI / 180) / tolerance(place) ** 2;
}

// ── Land, borders, lakes ─────────────────────────────────────────────────────────────────────────────────────────────
const closed = (ring) => {
    const points = tidy(ring);
    const [[first], [last]] = [points[0], points.at(-1)];
    // Antarctica goes round the world and is closed along the lower edge of the map.
    return first === last ? points.slice(0, -1) : [...points, [last, -85 / STEP], [first, -85 / STEP]];
};
const land = ringsOf(topology.objects.land).map((ring) => closed(joined(ring)))
    .filter((ring) => ring.length > 2 && size(ring) > SMALLEST);

const uses = new Map();
for (const country of topology.objects.countries.geometries) {
    for (const arc of new Set(ringsOf(country).flat().map((i) => i < 0 ? ~i : i))) {
        uses.set(arc, (uses.get(arc) ?? 0) + 1);
    }
}
// Arcs of one border that follow each other become one line.
const key = (p) => p.join();
const lines = [...uses].filter(([, n]) => n > 1).map(([arc]) => tidy(simple[arc])).filter((line) => line.length > 1);
const starts = new Map();
for (const line of lines) {
    for (const end of [line[0], line.at(-1)]) {
        starts.set(key(end), [...(starts.get(key(end)) ?? []), line]);
    }
}
const used = new Set();
const borders = [];
for (const first of lines) {
    if (used.has(first)) {
        continue;
    }
    used.add(first);
    let line = first;
    for (let grown = true; grown;) {
        grown = false;
        const next = starts.get(key(line.at(-1)))?.find((other) => !used.has(other));
        if (next) {
            used.add(next);
            const onward = key(next[0]) === key(line.at(-1)) ? next : next.toReversed();
            line = tidy(follow(line, onward));
            grown = true;
        }
    }
    borders.push(line);
}
const lakes = Object.values(LAKES).map((ring) => ring.map(snap));

// ── Text ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
// A number is one or more digits of DIGITS, five bits each, lowest first; digits from the upper half say "more follows".
// Signs are folded in (0, -1, 1, -2, … are 0, 1, 2, 3, …). A shape is its number of vertices, then steps in longitude and
// latitude, the first from the last vertex of the line before.
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
function digits(n) {
    let text = "";
    for (; n > 31; n >>>= 5) {
        text += DIGITS[32 + (n & 31)];
    }
    return text + DIGITS[n];
}
const folded = (n) => n < 0 ? -2 * n - 1 : 2 * n;
function packed(shapes) {
    let x = 0, y = 0, text = "";
    for (const shape of shapes) {
        text += digits(shape.length);
        for (const [nx, ny] of shape) {
            text += digits(folded(nx - x)) + digits(folded(ny - y));
            [x, y] = [nx, ny];
        }
    }
    return text;
}
const wrapped = (text) => "`\n" + text.match(/.{1,128}/g).join("\n") + "`";

const count = (shapes) => shapes.reduce((n, shape) => n + shape.length, 0);
const out = `// outlines.js — land, country borders and a few lakes for the map; made by scripts/outlines.mjs, not by hand
//
// Source: Natural Earth 1:10,000,000 (public domain), from the npm package world-atlas ${VERSION}, simplified: true to about
// ${FINE}° in East Africa (\`home\`: west, south, east, north) and ever coarser away from it, to ${COARSE}°. Lakes and places:
// our own, by hand.
// In the texts a number is one or more digits of \`digits\`, five bits each, lowest first; the upper half of them says that more
// follow; line ends mean nothing. 0, 1, 2, 3, … stand for 0, -1, 1, -2, … A shape is its number of vertices, then for each the
// steps east and north from the vertex before.
const OUTLINES = {
    home: ${JSON.stringify(HOME).replaceAll(",", ", ")},
    fine: ${FINE},
    growth: ${GROWTH},
    coarse: ${COARSE},
    step: ${STEP},
    digits: "${DIGITS}",
    land: ${wrapped(packed(land))},
    borders: ${wrapped(packed(borders))},
    lakes: ${wrapped(packed(lakes))},
    places: \`${PLACES}\`,
};
`;
writeFileSync(new URL("src/view/outlines.js", root), out);
const words = (name, shapes) => `${name} ${shapes.length} shapes of ${count(shapes)} vertices`;
console.log(`src/view/outlines.js: ${out.length} bytes; ${words("land", land)}, ${words("borders", borders)}`);
