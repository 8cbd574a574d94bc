// map.js — a map of our own: Web Mercator in SVG, no tiles, no requests. Places are kept in "worlds", see shapes.js.
//
// The outlines are coarse (see OUTLINES). Zoomed in, their error would grow to many pixels and put a vehicle on the road into
// the sea, so they fade: whole while it is at most 2 pixels, gone at 8. Then grid, towns and scale bar give the orientation.

const CLOSEST_ZOOM = 17;
const MAP_KEYS = "Arrows move the map, plus and minus zoom, 0 shows everything, n and p step through it from west to east.";
// What the person last looked at, so that a new size or theme does not lose it.
const mapViews = new WeakMap();
let outlinesRead = null;

const within = (number, least, most) => Math.max(least, Math.min(most, number));

function mapLegend({ title, classes, larger }) {
    if (classes.length < 2) return null;
    const entries = classes.map(({ name, colour }) => {
        const swatch = element("i", {});
        swatch.style.background = colour;
        return element("li", {}, swatch, name);
    });
    return element("ul", { class: "map-legend" }, element("li", { class: "map-of" }, title), entries,
        larger && element("li", { class: "map-of" }, `larger dot: more ${larger}`));
}

function drawMap(box, answer, choice, { width, height, fullscreen = document.documentElement.dataset.mode === "fullscreen" }) {
    const found = mapItems(answer, choice);
    const { items, west } = found;
    const note = mapNote(found);
    if (items.length === 0) {
        box.replaceChildren(element("p", { class: "map-note" }, note || "There is nothing to draw on a map."));
        return undefined;
    }
    const { tracks, column, time } = mapTracks(answer, choice, items);
    const legend = colourItems(answer, choice, items, column);
    const outlines = outlinesRead || readOutlines();
    outlinesRead = outlines;
    const bounds = boxOf(items.map((item) => item.box));
    const order = [...items].sort((a, b) => a.x - b.x || a.y - b.y);
    const paths = tracks.map((fixes) => {
        const run = fixes.flatMap(({ x, y }) => [x, y]);
        return { run, box: boxOf([run]), step: column >= 0 && column === legend.group ? fixes[0].step : -1 };
    });
    const radius = [[3000, 2.2], [500, 3], [60, 4], [0, 5]].find(([count]) => items.length > count)[1];

    // ---- nodes, from the ground up

    const path = (name) => svg("path", { class: `map-${name}` });
    const [land, lakes, borders, grid, focus] = ["land", "lakes", "borders", "grid", "focus"].map(path);
    const water = svg("rect", { class: "map-water" });
    const ground = svg("svg", {}, water, land, lakes, borders);
    const [shapes, towns, dots, labels] = ["shapes", "towns", "dots", "labels"].map((name) => svg("g", { class: `map-${name}` }));
    const picture = svg("svg", {
        class: fullscreen ? "map-picture is-full" : "map-picture",
        tabindex: 0, role: "application", "aria-roledescription": "map",
        "aria-label": `${mapSummary(items, bounds, outlines.places)} ${MAP_KEYS}`,
        on: {
            keydown: onKey, wheel: onWheel, touchmove: onTouch, dblclick: (event) => zoom(1, placeOf(event)),
            pointerdown: onDown, pointermove: onMove, pointerup: onUp, pointercancel: onUp,
            pointerleave: (event) => event.pointerType === "mouse" && show(null),
        },
    }, ground, grid, shapes, towns, dots, labels, focus);
    const tip = element("div", { class: "map-tip", role: "status" });
    const button = (text, title, click) => element("button", { type: "button", title, "aria-label": title, on: { click } }, text);
    const frame = element("div", { class: "map-frame" }, picture, tip, element("div", { class: "map-buttons" },
        button("+", "Zoom in", () => zoom(1)), button("−", "Zoom out", () => zoom(-1)), button("Fit", "Show everything", fit)));
    const whole = element("div", { class: "map" }, frame, mapLegend(legend), note && element("p", { class: "map-note" }, note));
    whole.style.height = `${height}px`;
    box.replaceChildren(whole);
    const [wide, high] = [frame.clientWidth || width, frame.clientHeight || height];
    // One path for each kind of shape, colour and size: ten thousand places are a handful of nodes.
    const layers = new Map();
    function layer(kind, step, size = 0) {
        const key = `${kind} ${step} ${size}`;
        if (!layers.has(key)) {
            const node = path(kind);
            const isDot = kind === "dot" || kind === "halo";
            const colour = step < 0 || kind === "halo" ? "" : legend.classes[step].colour;
            node.style.stroke = colour;
            if (kind === "area") node.style.fill = colour;
            if (isDot) node.style.strokeWidth = `${2 * radius + 3 * size + (kind === "halo" ? 2 : 0)}px`;
            (isDot ? dots : shapes).append(node);
            layers.set(key, { node, text: [] });
        }
        return layers.get(key).text;
    }

    // ---- what is in view

    const view = mapViews.get(answer) || { x: 0, y: 0, zoom: 0, isMoved: false };
    mapViews.set(answer, view);
    const farthest = Math.log2(Math.min(wide, high) / 256);
    let [current, anchor, waiting] = [null, [0, 0], 0];
    const scaleNow = () => 256 * 2 ** view.zoom;
    const toScreen = (x, y) => [(x - view.x) * scaleNow() + wide / 2, (y - view.y) * scaleNow() + high / 2];
    const toWorld = ([px, py]) => [view.x + (px - wide / 2) / scaleNow(), view.y + (py - high / 2) / scaleNow()];

    function settle(isMoved) {
        view.zoom = within(view.zoom, farthest, CLOSEST_ZOOM);
        view.x = within(view.x, west, west + 1);
        view.y = within(view.y, 0, 1);
        view.isMoved = isMoved;
        waiting = waiting || requestAnimationFrame(draw);
    }

    // Everything, with an edge around it; a single place with its surroundings, for which the outlines are good.
    function fit() {
        const [w, n, e, s] = bounds;
        const edge = Math.min(36, wide / 8, high / 8);
        const whole = Math.log2(Math.min((wide - 2 * edge) / (e - w), (high - 2 * edge) / (s - n)) / 256);
        Object.assign(view, { x: (w + e) / 2, y: (n + s) / 2, zoom: Math.min(whole, Math.max(e - w, s - n) < 1e-6 ? 7 : 15) });
        settle(false);
    }

    function pan(dx, dy) {
        view.x -= dx / scaleNow();
        view.y -= dy / scaleNow();
        settle(true);
    }

    // The place under the pointer stays where it is.
    function zoom(steps, [px, py] = [wide / 2, high / 2]) {
        const before = scaleNow();
        view.zoom = within(view.zoom + steps, farthest, CLOSEST_ZOOM);
        view.x += (px - wide / 2) * (1 / before - 1 / scaleNow());
        view.y += (py - high / 2) * (1 / before - 1 / scaleNow());
        settle(true);
    }

    // ---- drawing

    // How the world looks at this moment: what is seen, and a run as a path on the screen.
    function lens() {
        const scale = scaleNow();
        const [left, top] = [view.x * scale - wide / 2, view.y * scale - high / 2];
        const sees = ([w, n, e, s], worlds = 0) => (e + worlds) * scale > left - 20 && (w + worlds) * scale < left + wide + 20
            && s * scale > top - 20 && n * scale < top + high + 20;
        const trace = (run, end = "", worlds = 0) => {
            let text = "";
            let [lastX, lastY] = [NaN, NaN];
            for (let i = 0; i < run.length; i += 2) {
                const x = Math.round(((run[i] + worlds) * scale - left) * 10) / 10;
                const y = Math.round((run[i + 1] * scale - top) * 10) / 10;
                if (Math.abs(x - lastX) + Math.abs(y - lastY) < 0.8 && i < run.length - 2) continue;
                text += `${i ? "L" : "M"}${x} ${y}`;
                [lastX, lastY] = [x, y];
            }
            return text + end;
        };
        return { scale, left, top, degree: scale / 360, lat: latAt(view.y), sees, trace };
    }

    function draw() {
        waiting = 0;
        const at = lens();
        const { sees, trace } = at;
        const fade = (error) => within((8 - error * at.degree) / 6, 0, 1);
        at.opacity = fade(outlineError(lonAt(view.x), at.lat));
        drawGround(at, fade(0.05));
        for (const { text } of layers.values()) text.length = 0;
        for (const { step, parts } of items) {
            for (const part of parts) {
                if (part.kind === "point" || !sees(part.box)) continue;
                for (const run of part.runs) layer(part.kind, step).push(trace(run, part.kind === "area" ? "Z" : ""));
            }
        }
        for (const { run, step, box: around } of paths) if (sees(around)) layer("track", step).push(trace(run));
        drawDots(at);
        for (const { node, text } of layers.values()) node.setAttribute("d", text.join(""));
        labels.replaceChildren(...gridLabels(at), ...scaleBar(at), ...placeNames(at));
        mark();
    }

    function mark() {
        const { trace } = lens();
        const ends = { point: "m-8 0a8 8 0 1 0 16 0a8 8 0 1 0-16 0", line: "", area: "Z" };
        const parts = current ? current.parts : [];
        focus.setAttribute("d", parts.flatMap(({ kind, runs }) => runs.map((run) => trace(run, ends[kind]))).join(""));
        if (current) placeTip();
    }

    function drawGround({ scale, left, top, opacity, sees, trace }, lakeOpacity) {
        const around = { x: Math.max(0, west * scale - left), y: Math.max(0, -top) };
        around.width = Math.max(0, Math.min(wide, (west + 1) * scale - left) - around.x);
        around.height = Math.max(0, Math.min(high, scale - top) - around.y);
        for (const [name, value] of Object.entries(around)) {
            ground.setAttribute(name, value);
            water.setAttribute(name, value);
        }
        ground.setAttribute("viewBox", Object.values(around).join(" "));
        ground.style.opacity = opacity;
        lakes.style.opacity = lakeOpacity;
        for (const [node, list] of [[land, outlines.land], [lakes, outlines.lakes], [borders, outlines.borders]]) {
            const traced = [-1, 0, 1].flatMap((worlds) => list.filter((part) => sees(part.box, worlds))
                .map(({ run }) => trace(run, node === borders ? "" : "Z", worlds)));
            node.setAttribute("d", opacity > 0 ? traced.join("") : "");
        }
    }

    // Dots that would fall on the same pixel are drawn once: ten thousand fixes of a day are a few thousand.
    function drawDots({ scale, left, top }) {
        const drawn = new Set();
        // Large dots first, so that they hide no small ones.
        const bySize = items.some(({ size }) => size > 0) ? [...items].sort((a, b) => b.size - a.size) : items;
        for (const { step, size, parts } of bySize) {
            for (const { kind, box: [x, y] } of parts) {
                const [px, py] = [x * scale - left, y * scale - top];
                if (kind !== "point" || px < -20 || px > wide + 20 || py < -20 || py > high + 20) continue;
                const pixel = ((Math.round(py) + 20) * 8192 + Math.round(px) + 20) * 16 + step;
                if (drawn.has(pixel)) continue;
                drawn.add(pixel);
                const mark = `M${Math.round(px * 10) / 10} ${Math.round(py * 10) / 10}h0`;
                if (items.length <= 500) layer("halo", step, size).push(mark);
                layer("dot", step, size).push(mark);
            }
        }
    }

    // Grid lines about a finger's length apart, with their degrees at the upper and the left edge.
    function gridLabels({ scale, left, top, degree }) {
        const step = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 45].find((n) => n * degree > 110) || 90;
        const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
        const label = (x, y, text) => svg("text", { x, y, class: "map-degree" }, text);
        const nodes = [];
        let lines = "";
        const lonFrom = Math.max(left / degree, west * 360) - 180;
        const lonTo = Math.min((left + wide) / degree, west * 360 + 360) - 180;
        for (let n = Math.ceil(lonFrom / step); n * step <= lonTo; n++) {
            const x = Math.round((n * step + 180) * degree - left);
            lines += `M${x}.5 0V${high}`;
            if (x > 30 && x < wide - 90) nodes.push(label(x + 3, 12, degrees(lonAt(worldX(n * step)), digits, "WE")));
        }
        const [latFrom, latTo] = [latAt(Math.min(1, (top + high) / scale)), latAt(Math.max(0, top / scale))];
        for (let n = Math.ceil(latFrom / step); n * step <= latTo; n++) {
            const y = Math.round(worldY(n * step) * scale - top);
            lines += `M0 ${y}.5H${wide}`;
            if (y > 24 && y < high - 40) nodes.push(label(4, y - 3, degrees(n * step, digits, "SN")));
        }
        grid.setAttribute("d", lines);
        return nodes;
    }

    // 1, 2 or 5 times a power of ten, true at the middle of the picture.
    function scaleBar({ scale, lat, opacity }) {
        const perMetre = scale / (40075017 * Math.cos(lat * Math.PI / 180));
        const most = Math.min(120, wide / 3) / perMetre;
        const power = 10 ** Math.floor(Math.log10(most));
        const metres = [5, 2, 1].find((n) => n * power <= most) * power;
        const text = metres < 1000 ? `${formatNumber(metres)} m` : `${formatNumber(metres / 1000)} km`;
        return [svg("path", { class: "map-scale", d: `M10 ${high - 16}v6h${Math.round(metres * perMetre)}v-6` }),
            svg("text", { x: 14, y: high - 15 }, text),
            opacity > 0 && svg("text", { x: wide - 6, y: high - 6, class: "map-source" }, "Natural Earth")].filter(Boolean);
    }

    // As many names as have room, the best known first.
    function placeNames({ opacity }) {
        const taken = [[0, high - 34, 150, high], [wide - 60, 0, wide, 130]];
        const [nodes, rings] = [[], []];
        for (const { level, isTown, name, x, y } of outlines.places) {
            const [px, py] = toScreen(x + Math.ceil(west - x), y);
            const long = name.length * (level ? 6.2 : 7.6) + 4;
            const [from, to] = isTown ? [px - 4, px + long + 6] : [px - long / 2, px + long / 2];
            const isFree = from > 0 && to < wide && py > 22 && py < high - 8
                && taken.every(([w, n, e, s]) => from > e || to < w || py - 8 > s || py + 8 < n);
            const isShown = isTown ? view.zoom < 14.5 : view.zoom < 8 && opacity > 0.5;
            if (!isShown || !isFree || view.zoom < [4, 3.6, 5.3, 7, 8.6, 10.6, 4][level]) continue;
            taken.push([from, py - 8, to, py + 8]);
            if (isTown) rings.push(svg("circle", { cx: px, cy: py, r: 2 }));
            const kind = isTown ? "map-town" : level ? "map-sea" : "map-country";
            nodes.push(svg("text", { x: isTown ? px + 6 : px, y: py + 4, class: kind }, name));
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
        const value = (column) => formatValue(item.row[column.index], column, undefined, 80);
        const facts = answer.columns.filter((column) => column !== name && column.kind !== "shape" && column.index !== choice.lat
            && column.index !== choice.lon).slice(0, 8);
        const rows = facts.map((column) => [element("dt", {}, shortText(column.name, 40)), element("dd", {}, value(column))]);
        const title = name ? value(name) : placeText(item.x, item.y);
        return [element("small", {}, head), element("b", {}, title), element("dl", {}, rows.flat())];
    }

    function placeTip() {
        const [x, y] = toScreen(...anchor);
        const [across, down] = [tip.offsetWidth, tip.offsetHeight];
        tip.style.left = `${within(x < wide / 2 ? x + 14 : x - 14 - across, 4, Math.max(4, wide - across - 4))}px`;
        tip.style.top = `${within(y < high / 2 ? y + 14 : y - 14 - down, 4, Math.max(4, high - down - 4))}px`;
    }

    function stepTo(by) {
        const from = current ? order.indexOf(current) + by : by > 0 ? 0 : -1;
        const next = order[(from + order.length) % order.length];
        const [x, y] = toScreen(next.x, next.y);
        if (x < 20 || y < 20 || x > wide - 20 || y > high - 20) {
            Object.assign(view, { x: next.x, y: next.y });
            settle(true);
        }
        show(next, `${formatNumber(order.indexOf(next) + 1)} of ${formatNumber(order.length)}`);
    }

    function pointAt(spot, reach) {
        const [item, here] = nearestItem(items, toWorld(spot), reach / scaleNow());
        if (item !== current || item && item.parts[0].kind !== "point") {
            show(item, here > 1 ? `${formatNumber(here)} here; one of them:` : "", spot);
        }
    }

    // ---- pointer and keys

    const fingers = new Map();
    let travel = 0;

    function placeOf(event) {
        const { left, top } = picture.getBoundingClientRect();
        return [event.clientX - left, event.clientY - top];
    }

    // One finger scrolls the page, unless the map has the whole screen.
    const canPan = (event) => event.pointerType !== "touch" || fullscreen || fingers.size > 1;

    function onTouch(event) {
        if (event.cancelable && (fullscreen || event.touches.length > 1)) event.preventDefault();
    }

    function onDown(event) {
        if (event.button > 0) return;
        if (fingers.size === 0) travel = 0;
        fingers.set(event.pointerId, placeOf(event));
        if (canPan(event)) picture.setPointerCapture(event.pointerId);
    }

    function onMove(event) {
        const now = placeOf(event);
        const before = fingers.get(event.pointerId);
        if (!before) return event.pointerType !== "touch" && pointAt(now, 16);
        const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
        const other = [...fingers].find(([id]) => id !== event.pointerId);
        travel = Math.max(travel, Math.hypot(dx, dy));
        if (travel < 6 || !canPan(event)) return false;
        fingers.set(event.pointerId, now);
        show(null);
        if (!other) return pan(dx, dy);
        // The place between two fingers stays between them, and the map grows as they part.
        const [[ox, oy], apart] = [other[1], ([x, y]) => Math.max(20, Math.hypot(x - other[1][0], y - other[1][1]))];
        pan(dx / 2, dy / 2);
        return zoom(Math.log2(apart(now) / apart(before)), [(now[0] + ox) / 2, (now[1] + oy) / 2]);
    }

    function onUp(event) {
        const isTap = fingers.delete(event.pointerId) && event.type === "pointerup" && travel < 6;
        if (isTap) pointAt(placeOf(event), event.pointerType === "touch" ? 24 : 16);
    }

    function onWheel(event) {
        if (!event.ctrlKey && !event.metaKey && !fullscreen) return;
        event.preventDefault();
        zoom(within(-event.deltaY * (event.deltaMode ? 0.3 : event.ctrlKey ? 0.01 : 0.004), -1, 1), placeOf(event));
    }

    function onKey(event) {
        const act = {
            ArrowLeft: () => pan(60, 0), ArrowRight: () => pan(-60, 0), ArrowUp: () => pan(0, 60), ArrowDown: () => pan(0, -60),
            "+": () => zoom(1), "=": () => zoom(1), "-": () => zoom(-1), 0: fit, n: () => stepTo(1), p: () => stepTo(-1),
            Escape: current && (() => show(null)),
        }[event.key];
        if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        act();
    }

    if (view.isMoved) settle(true);
    else fit();
    cancelAnimationFrame(waiting);
    draw();
    return () => cancelAnimationFrame(waiting);
}
