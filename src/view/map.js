// map.js — a map of our own: Web Mercator in SVG, no tiles, no requests. Places are kept in "worlds", see shapes.js.
//
// The outlines are coarse (see OUTLINES). Zoomed in, their error would grow to many pixels and put a vehicle on the road into
// the sea, so they fade: whole while it is at most 2 pixels, gone at 8. Then grid, towns and scale bar give the orientation.

const CLOSEST_ZOOM = 17;
const MAP_KEYS = "Arrows move the map, plus and minus zoom, 0 shows all, n and p step through it from west to east.";
const GRID_STEPS = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 45, 90];
// How a run ends as a path: a line of no length is a dot, and the mark around it is a ring.
const ENDS = { point: "h0", line: "", track: "", area: "Z" };
const RING = "m-8 0a8 8 0 1 0 16 0a8 8 0 1 0-16 0";
// What the person last looked at, so that a new size or theme does not lose it.
const mapViews = new WeakMap();
let outlinesRead = null;

const within = (number, least, most) => Math.max(least, Math.min(most, number));

function mapLegend({ title, classes }) {
    const entries = classes.map(({ name, colour }) => {
        const swatch = element("i", { class: "swatch" });
        swatch.style.color = colour;
        return element("span", {}, swatch, name);
    });
    return entries.length > 1 && element("div", { class: "legend" }, element("b", {}, title), entries);
}

function drawMap(box, answer, choice, { width, height }) {
    const { items, west } = mapItems(answer, choice);
    const note = mapNote(items, answer.rows);
    const remark = note && element("p", { class: "note" }, note);
    if (items.length === 0) {
        box.replaceChildren(remark);
        return undefined;
    }
    const { tracks, column, time } = mapTracks(answer, choice, items);
    const legend = colourItems(answer, choice, items, column);
    const outlines = outlinesRead || readOutlines();
    outlinesRead = outlines;
    const bounds = boxOf(items.map((item) => item.box));
    const order = [...items].sort((a, b) => a.x - b.x || a.y - b.y);
    // What is most lies on top.
    const byStep = [...items].sort((a, b) => a.step - b.step);
    const parts = byStep.flatMap((item) => item.parts.map((part) => ({ ...part, step: item.step })));
    for (const fixes of tracks) {
        const run = fixes.flatMap(({ x, y }) => [x, y]);
        const [{ step: first }] = fixes;
        const step = fixes.every(({ step }) => step === first) ? first : -1;
        parts.push({ kind: "track", runs: [run], box: boxOf([run]), step });
    }

    // ---- nodes, from the ground up

    const path = (name) => svg("path", { class: `map-${name}` });
    const [land, lakes, borders, grid, focus] = ["land", "lakes", "borders", "grid", "focus"].map(path);
    const ground = svg("g", { class: "map-ground" }, svg("rect", { width: "100%", height: "100%" }), land, lakes, borders);
    const group = (name) => svg("g", { class: `map-${name}` });
    const [area, line, track, towns, point, labels] = ["area", "line", "track", "towns", "point", "labels"].map(group);
    const kinds = { area, line, track, point };
    const picture = svg("svg", {
        class: "map-picture", tabindex: 0, role: "application", "aria-roledescription": "map",
        "aria-label": `${mapSummary(items, bounds, outlines.places)} ${MAP_KEYS}`,
        on: {
            keydown: onKey, wheel: onWheel, pointerdown: onDown, pointermove: onMove, pointerup: onUp, pointercancel: onUp,
            touchmove: (event) => event.cancelable && event.touches.length > 1 && event.preventDefault(),
            pointerleave: (event) => event.pointerType === "mouse" && show(null),
        },
    }, ground, grid, area, line, track, towns, point, labels, focus);
    const tip = element("div", { class: "tip", role: "status" });
    const buttons = [button("+", () => zoom(1), { "aria-label": "Zoom in" }),
        button("−", () => zoom(-1), { "aria-label": "Zoom out" }), button("All", showAll, { "aria-label": "Show all" })];
    const frame = element("div", { class: "map-frame" }, picture, tip, element("div", { class: "map-buttons" }, buttons));
    const whole = element("div", { class: "map" }, frame, mapLegend(legend), remark);
    whole.style.height = `${height}px`;
    point.style.strokeWidth = `${items.length > 3000 ? 4.5 : items.length > 300 ? 6 : 9}px`;
    box.replaceChildren(whole);
    const [wide, high] = [frame.clientWidth || width, frame.clientHeight || height];

    // One path for each kind of shape and colour: ten thousand places are a handful of nodes. It has no piece twice.
    const layers = new Map();
    function layer(kind, step) {
        const key = `${kind} ${step}`;
        if (!layers.has(key)) {
            const node = path("shape");
            if (step >= 0) node.style.color = legend.classes[step].colour;
            kinds[kind].append(node);
            layers.set(key, { node, pieces: new Set() });
        }
        return layers.get(key).pieces;
    }

    // ---- what is in view

    const view = mapViews.get(answer) || { x: 0, y: 0, zoom: 0, isMoved: false };
    mapViews.set(answer, view);
    let [current, anchor, waiting] = [null, [0, 0], 0];
    // Pixels of a world, and how many of them lie beyond the left and the upper edge.
    let [scale, left, top] = [0, 0, 0];
    const toScreen = ([x, y]) => [x * scale - left, y * scale - top];
    const toWorld = ([px, py]) => [(px + left) / scale, (py + top) / scale];
    const sees = ([w, n, e, s], worlds = 0) => (e + worlds) * scale > left - 20 && (w + worlds) * scale < left + wide + 20
        && s * scale > top - 20 && n * scale < top + high + 20;

    function look(x, y, zoom, isMoved = true) {
        view.x = within(x, west, west + 1);
        view.y = within(y, 0, 1);
        view.zoom = within(zoom, Math.log2(Math.min(wide, high) / 256), CLOSEST_ZOOM);
        view.isMoved = isMoved;
        scale = 256 * 2 ** view.zoom;
        [left, top] = [view.x * scale - wide / 2, view.y * scale - high / 2];
        waiting = waiting || requestAnimationFrame(draw);
    }

    // With an edge around it; a single place with its surroundings, for which the outlines are good.
    function showAll() {
        const [w, n, e, s] = bounds;
        const edge = Math.min(36, wide / 8, high / 8);
        const whole = Math.log2(Math.min((wide - 2 * edge) / (e - w), (high - 2 * edge) / (s - n)) / 256);
        look(...middleOf(bounds), Math.min(whole, Math.max(e - w, s - n) < 1e-6 ? 7 : 15), false);
    }

    function pan(dx, dy) {
        look(view.x - dx / scale, view.y - dy / scale, view.zoom);
    }

    // The place under the pointer stays where it is.
    function zoom(steps, spot = [wide / 2, high / 2]) {
        const [x, y] = toWorld(spot);
        look(view.x, view.y, view.zoom + steps);
        const [px, py] = toScreen([x, y]);
        pan(spot[0] - px, spot[1] - py);
    }

    // ---- drawing

    // A run as a path on the screen, in half pixels and without the vertices that an eye could not tell apart.
    function trace(run, end, worlds = 0) {
        let text = "";
        let [lastX, lastY] = [NaN, NaN];
        for (let i = 0; i < run.length; i += 2) {
            const x = Math.round(((run[i] + worlds) * scale - left) * 2) / 2;
            const y = Math.round((run[i + 1] * scale - top) * 2) / 2;
            if (Math.abs(x - lastX) + Math.abs(y - lastY) < 1 && i < run.length - 2) continue;
            text += `${i ? "L" : "M"}${x} ${y}`;
            [lastX, lastY] = [x, y];
        }
        return text + end;
    }

    function draw() {
        waiting = 0;
        drawGround();
        for (const { pieces } of layers.values()) pieces.clear();
        for (const { kind, step, runs, box: around } of parts) {
            if (!sees(around)) continue;
            // An area that is too small to be seen is a dot.
            const isDot = kind === "area" && Math.max(around[2] - around[0], around[3] - around[1]) * scale < 8;
            const drawn = isDot ? "point" : kind;
            for (const run of isDot ? [middleOf(around)] : runs) layer(drawn, step).add(trace(run, ENDS[drawn]));
        }
        for (const { node, pieces } of layers.values()) node.setAttribute("d", [...pieces].join(""));
        labels.replaceChildren(...gridLabels(), ...scaleBar(), ...placeNames());
        mark();
    }

    function mark() {
        const marked = current ? current.parts : [];
        const pieces = marked.flatMap(({ kind, runs }) => runs.map((run) => trace(run, kind === "point" ? RING : ENDS[kind])));
        focus.setAttribute("d", pieces.join(""));
        if (current) placeTip();
    }

    // The world goes on to the left and to the right of itself; the shapes are drawn once.
    function drawGround() {
        const fade = (error) => within((8 - error * scale / 360) / 6, 0, 1);
        const opacity = fade(outlineError(lonAt(view.x), latAt(view.y)));
        ground.style.opacity = opacity;
        lakes.style.opacity = fade(0.05);
        for (const [node, outline] of [[land, outlines.land], [lakes, outlines.lakes], [borders, outlines.borders]]) {
            let text = "";
            for (let world = Math.floor(left / scale) - 1; opacity > 0 && world * scale < left + wide; world++) {
                for (const { run, box: around } of outline) {
                    if (sees(around, world)) text += trace(run, node === borders ? "" : "Z", world);
                }
            }
            node.setAttribute("d", text);
        }
    }

    // Grid lines about a finger's length apart, with their degrees at the upper and the left edge.
    function gridLabels() {
        const degree = scale / 360;
        const step = GRID_STEPS.find((n) => n * degree > 110) || 90;
        const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
        const label = (x, y, text) => svg("text", { x, y, class: "map-degree" }, text);
        const nodes = [];
        let lines = "";
        for (let n = Math.ceil((left / degree - 180) / step); n * step < (left + wide) / degree - 180; n++) {
            const x = Math.round((n * step + 180) * degree - left);
            lines += `M${x}.5 0V${high}`;
            if (x > 30 && x < wide - 90) nodes.push(label(x + 3, 12, degrees(lonAt(worldX(n * step)), digits, "WE")));
        }
        const [south, north] = [latAt(Math.min(1, (top + high) / scale)), latAt(Math.max(0, top / scale))];
        for (let n = Math.ceil(south / step); n * step <= north; n++) {
            const y = Math.round(worldY(n * step) * scale - top);
            lines += `M0 ${y}.5H${wide}`;
            if (y > 24 && y < high - 40) nodes.push(label(4, y - 3, degrees(n * step, digits, "SN")));
        }
        grid.setAttribute("d", lines);
        return nodes;
    }

    // 1, 2 or 5 times a power of ten, true at the middle of the picture.
    function scaleBar() {
        const perMetre = scale / (40075017 * Math.cos(latAt(view.y) * Math.PI / 180));
        const most = Math.min(120, wide / 3) / perMetre;
        const power = 10 ** Math.floor(Math.log10(most));
        const metres = [5, 2, 1].find((n) => n * power <= most) * power;
        const text = metres < 1000 ? `${formatNumber(metres)} m` : `${formatNumber(metres / 1000)} km`;
        return [svg("path", { class: "map-scale", d: `M10 ${high - 16}v6h${Math.round(metres * perMetre)}v-6` }),
            svg("text", { x: 14, y: high - 15 }, text)];
    }

    // As many names as have room, the best known first.
    function placeNames() {
        const taken = [[0, high - 34, 150, high], [wide - 60, 0, wide, 130]];
        const [nodes, rings] = [[], []];
        for (const { kind, from, to, name, x, y } of outlines.places) {
            const [px, py] = toScreen([x + Math.ceil(west - x), y]);
            const half = name.length * 3.6 + 4;
            const middle = kind === "town" ? px + half + 2 : px;
            const [w, n, e, s] = [middle - half, py - 8, middle + half, py + 8];
            if (view.zoom < from || view.zoom > to || w < 0 || e > wide || n < 14 || s > high
                || taken.some((other) => other[0] < e && other[2] > w && other[1] < s && other[3] > n)) continue;
            taken.push([w, n, e, s]);
            if (kind === "town") rings.push(svg("circle", { cx: px, cy: py, r: 2 }));
            nodes.push(svg("text", { x: kind === "town" ? px + 6 : px, y: py + 4, class: `map-${kind}` }, name));
        }
        towns.replaceChildren(...rings);
        return nodes;
    }

    // ---- pointing

    // Shows what is known of an item, next to it or to where the pointer was.
    function show(item, head = "", spot = null) {
        current = item;
        if (item) anchor = spot ? toWorld(spot) : [item.x, item.y];
        tip.replaceChildren(...item ? tipOf(item, head) : []);
        mark();
    }

    function tipOf(item, head) {
        const name = time || answer.columns[choice.x] || answer.columns.find(({ kind }) => kind === "text");
        const value = (of) => formatValue(item.row[of.index], of, undefined, 80);
        const known = [name, answer.columns[choice.lat], answer.columns[choice.lon]];
        const facts = answer.columns.filter((of) => of.kind !== "shape" && !known.includes(of));
        const rows = facts.slice(0, 8).map((of) => [element("dt", {}, shortText(of.name, 40)), element("dd", {}, value(of))]);
        const title = name ? value(name) : placeText(item.x, item.y);
        return [element("small", {}, head), element("b", {}, title), element("dl", {}, rows)];
    }

    function placeTip() {
        const [x, y] = toScreen(anchor);
        const beside = (at, size, room) => Math.max(4, Math.min(at < room / 2 ? at + 14 : at - 14 - size, room - size - 4));
        tip.hidden = x < 0 || x > wide || y < 0 || y > high;
        tip.style.left = `${beside(x, tip.offsetWidth, wide)}px`;
        tip.style.top = `${beside(y, tip.offsetHeight, high)}px`;
    }

    function stepTo(by) {
        const from = current ? order.indexOf(current) + by : by > 0 ? 0 : -1;
        const at = (from + order.length) % order.length;
        const { x, y } = order[at];
        const [px, py] = toScreen([x, y]);
        if (px < 20 || px > wide - 20 || py < 20 || py > high - 20) look(x, y, view.zoom);
        show(order[at], `${formatNumber(at + 1)} of ${formatNumber(order.length)}`);
    }

    function pointAt(spot) {
        const item = nearestItem(items, toWorld(spot), 18 / scale);
        if (item !== current || item && item.parts[0].kind !== "point") show(item, "", spot);
    }

    // ---- pointer and keys

    const fingers = new Map();
    let travel = 0;

    function placeOf(event) {
        const edge = picture.getBoundingClientRect();
        return [event.clientX - edge.left, event.clientY - edge.top];
    }

    // One finger scrolls the page, unless the map has the whole screen.
    const canPan = (event) => event.pointerType !== "touch" || isFullScreen() || fingers.size > 1;

    function onDown(event) {
        if (event.button > 0) return;
        if (fingers.size === 0) travel = 0;
        fingers.set(event.pointerId, placeOf(event));
        if (canPan(event)) picture.setPointerCapture(event.pointerId);
    }

    function onMove(event) {
        const now = placeOf(event);
        const before = fingers.get(event.pointerId);
        if (!before) return event.pointerType !== "touch" && pointAt(now);
        const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
        travel = Math.max(travel, Math.hypot(dx, dy));
        if (travel < 6 || !canPan(event)) return false;
        fingers.set(event.pointerId, now);
        show(null);
        const [, other] = [...fingers].find(([id]) => id !== event.pointerId) || [];
        if (!other) return pan(dx, dy);
        // The place between two fingers stays between them, and the map grows as they part.
        const apart = ([x, y]) => Math.max(20, Math.hypot(x - other[0], y - other[1]));
        pan(dx / 2, dy / 2);
        return zoom(Math.log2(apart(now) / apart(before)), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
    }

    function onUp(event) {
        const isTap = fingers.delete(event.pointerId) && event.type === "pointerup" && travel < 6;
        if (isTap) pointAt(placeOf(event));
    }

    function onWheel(event) {
        if (!event.ctrlKey && !event.metaKey && !isFullScreen()) return;
        event.preventDefault();
        zoom(within(-event.deltaY * (event.ctrlKey ? 0.01 : 0.004), -1, 1), placeOf(event));
    }

    function onKey(event) {
        const act = {
            ArrowLeft: () => pan(60, 0), ArrowRight: () => pan(-60, 0), ArrowUp: () => pan(0, 60), ArrowDown: () => pan(0, -60),
            "+": () => zoom(1), "=": () => zoom(1), "-": () => zoom(-1), 0: showAll, n: () => stepTo(1), p: () => stepTo(-1),
            Escape: current && (() => show(null)),
        }[event.key];
        if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        act();
    }

    if (view.isMoved) look(view.x, view.y, view.zoom);
    else showAll();
    cancelAnimationFrame(waiting);
    draw();
    return () => cancelAnimationFrame(waiting);
}
