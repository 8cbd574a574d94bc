// What the person sees: one state at a time, the tools above the picture, and what is known about the rows below it.

const CHARTS = { line: "Line", bar: "Bars", stacked: "Stacked bars", scatter: "Scatter" };
// Inline, a picture and all around it stay within this height.
const HEIGHT = 500;
// A younger answer fills itself; an older one is a conversation that was opened again, which must not run queries.
const FRESH = 60000;

// stage: connecting, alone, waiting, drawn, failed, cancelled. `source` is the text of the result that was drawn.
const state = {
    stage: "connecting", arguments: {}, isLate: false, source: null, answer: null, problem: "", isError: false,
    choice: null, table: { page: 0 }, isPanelOpen: false,
    isLoading: false, hasLoaded: false, hasTried: false, loadProblem: "",
};
// What is under way, and what was drawn last.
const current = { wait: 0, word: 0, frame: 0, cleanUp: null, drawnFor: "" };

const find = (id) => document.getElementById(id);
const fill = (id, ...children) => find(id).replaceChildren(...children.flat().filter(isGiven));

// A word about what was just done, over the picture for a while.
function say(text) {
    clearTimeout(current.word);
    fill("status", text);
    current.word = setTimeout(fill, 6000, "status");
}

const failed = (error) => say(`Something went wrong here: ${shortText(String(error?.message || error), 200)}`);
const titleOf = () => shortText(state.answer?.title || textOf(state.arguments.title).trim() || "Query result", 200);
const canRun = () => hasTools() && textOf(state.arguments.sql).trim() !== "";
const hasRows = () => state.answer?.rowCount > 0;
const isChart = (view) => Object.hasOwn(CHARTS, view);

// ---- what comes in

function takeInput(values) {
    Object.assign(state, { arguments: values, isLate: false });
    clearTimeout(current.wait);
    current.wait = setTimeout(guarded(() => {
        state.isLate = true;
        if (state.stage === "waiting") render();
    }), 5000);
    render();
    loadFresh();
}

function takeResult(result) {
    const source = plainText(result.content);
    // The same result again: what was loaded and chosen since then stays.
    if (source === state.source) return;
    const { answer, problem } = readAnswer(result);
    Object.assign(state, {
        source, answer, problem, isError: result.isError === true, stage: answer ? "drawn" : "failed",
        choice: answer && ownChoice(answer), table: { page: 0 }, hasLoaded: false, loadProblem: "",
    });
    const { x, y, group } = objectOf(answer?.hints);
    const missing = answer && [x, ...y, group].find((name) => name && columnAt(answer, name) < 0);
    say(missing ? `There is no column “${shortText(missing, 60)}”.` : "");
    render();
    loadFresh();
}

function takeCancelled() {
    if (state.source === null) state.stage = "cancelled";
    render();
}

// ---- all rows

function loadFresh() {
    const { answer, hasTried } = state;
    if (!answer?.truncated || hasTried || !host.isReady || !canRun()) return;
    if (answer.asOf && Math.abs(Date.now() - Date.parse(answer.asOf)) < FRESH) guarded(load)();
}

// Runs the query again, for the person only. What is there stays until its rows have come.
async function load() {
    const { source, answer: preview, arguments: { sql, max_rows: most } } = state;
    Object.assign(state, { isLoading: true, hasTried: true, loadProblem: "" });
    render();
    // Without a number the server sends all it may. The one of the model holds where it was not what cut the rows.
    const values = most > 0 && preview?.truncatedBy !== "rows" ? { sql, max_rows: most } : { sql };
    const noAnswer = ({ message }) => ({ content: { text: message }, isError: true });
    const { answer, problem } = readAnswer(await callTool("show_rows", values).catch(noAnswer));
    state.isLoading = false;
    // Otherwise another result has come meanwhile.
    if (answer && state.source === source) {
        const { title, hints } = preview || { title: "", hints: hintsOf(state.arguments) };
        Object.assign(answer, { title, hints });
        const choice = state.choice?.isByHand ? handChoice(answer, state.choice) : ownChoice(answer);
        Object.assign(state, { answer, choice, stage: "drawn", hasLoaded: true });
        say(answer.truncated ? "" : `${rowsInWords(answer.rowCount)} loaded.`);
    } else if (state.source === source) {
        state.loadProblem = shortText(problem, 500);
    }
    render();
}

// ---- choosing

const ownChoice = (answer) => attempt(() => choose(answer), { view: "table" }, failed);

// No group is a choice, too.
function handChoice(answer, wanted) {
    const choice = choiceFor(answer, wanted.view, wanted);
    return { ...choice, group: wanted.group < 0 ? -1 : choice.group, isByHand: true };
}

function pickView(view) {
    const { answer, choice } = state;
    state.choice = { ...choiceFor(answer, view, choice.isByHand ? choice : answer.hints), isByHand: true };
    render();
}

function pickColumns(change) {
    state.choice = handChoice(state.answer, { ...state.choice, ...change });
    render();
}

// ---- the tools

function drawViews() {
    const { answer, choice, isPanelOpen } = state;
    const views = hasRows() ? attempt(() => offered(answer), [], failed) : [];
    if (views.length < 2) return fill("views");
    const chart = views.some(isChart) && [choice.view, choose(answer).view, ...views].find(isChart);
    const tab = (label, view) => view && element("label", {}, element("input", {
        type: "radio", name: "view", id: `view-${label}`, checked: view === choice.view, on: { change: () => pickView(view) },
    }), element("span", {}, label));
    const tabs = [tab("Table", "table"), tab("Chart", chart), tab("Map", views.includes("map") && "map")];
    const columns = isChart(choice.view) && button("Columns", () => {
        state.isPanelOpen = !isPanelOpen;
        render();
    }, { id: "columns", "aria-expanded": String(isPanelOpen), "aria-controls": "panel" });
    const group = element("div", { class: "choices", role: "radiogroup", "aria-label": "View" }, tabs);
    return fill("views", group, columns && !isNarrow() && kindChoice(views, choice), columns);
}

// On a phone it stands among the columns.
const kindChoice = (views, choice) => element("select", { id: "kind", "aria-label": "Kind of chart", on: {
    change: ({ target }) => pickView(target.value),
} }, views.filter(isChart).map((view) => element("option", { value: view, selected: view === choice.view }, CHARTS[view])));

function drawPanel() {
    const { answer, choice, isPanelOpen } = state;
    if (!isPanelOpen || !hasRows() || !isChart(choice.view)) return fill("panel");
    const kind = isNarrow() && element("label", {}, "Kind", kindChoice(offered(answer), choice));
    return fill("panel", kind, columnChoices(answer, choice));
}

function columnChoices({ columns }, { view, x, y, group }) {
    const of = (...kinds) => columns.filter(({ kind }) => kinds.includes(kind));
    const measures = of("number", "interval");
    const axes = view === "scatter" ? measures : of("number", "interval", "time", "text", "boolean");
    const groups = of("number", "text", "boolean").filter(({ index }) => index !== x);
    const select = (label, options, now) => element("label", {}, label, element("select", {
        id: `column-${label.toLowerCase()}`,
        on: { change: ({ target }) => pickColumns({ [label.toLowerCase()]: Number(target.value) }) },
    }, options.map(({ name, index }) => element("option", { value: index, selected: index === now }, shortText(name, 60)))));
    const toggle = ({ name, index }) => element("label", {}, element("input", {
        type: "checkbox", id: `column-y-${index}`, checked: y.includes(index),
        on: { change: ({ target }) => pickColumns({ y: target.checked ? [...y, index] : y.filter((other) => other !== index) }) },
    }), shortText(name, 60));
    const toggles = measures.filter(({ index }) => index !== x).slice(0, 12).map(toggle);
    return [
        select("X", axes, x), select("Group", [{ name: "None", index: -1 }, ...groups], group),
        view === "scatter" || group >= 0 ? select("Y", measures, y[0])
            : element("div", { class: "measures", role: "group", "aria-label": "Y" }, "Y", toggles),
    ];
}

function drawActions() {
    const isFull = isFullScreen();
    const tool = (name, label, click) => button(icon(name), click, { id: name, "aria-label": label, title: label });
    fill("actions",
        hasRows() && hasDownload() && tool("download", "Download CSV", download),
        // Inline, two tools are enough.
        hasRows() && (isFull || !hasDownload() || !hasFullScreen()) && tool("copy", "Copy rows", copy),
        isFull && tool("shrink", "Leave full screen", () => resize(false)),
        !isFull && hasRows() && hasFullScreen() && tool("expand", "Full screen", () => resize(true)));
}

async function resize(isWanted) {
    const isDone = await setFullScreen(isWanted).catch(() => false);
    restyle();
    say(isDone ? "" : "Full screen is not available now.");
}

async function download() {
    const isDone = await saveFile(fileName(titleOf()), toCsv(state.answer)).catch(() => false);
    const { rowCount, truncated } = state.answer;
    say(isDone ? `${truncated ? "The first " : ""}${rowsInWords(rowCount)} handed over as CSV.` : "The file was not saved.");
}

// The newer way to copy needs a permission that hosts seldom give. Tabs let a spreadsheet take the rows apart.
function copy() {
    const area = element("textarea", { readonly: true });
    area.value = toCsv(state.answer, "\t");
    find("panel").append(area);
    area.select();
    if (!document.execCommand("copy")) return say("The browser does not let a view copy. Copy the selected text.");
    area.remove();
    find("copy").focus();
    say(`${rowsInWords(state.answer.rowCount)} copied.`);
}

// ---- the picture and what is below it

const paragraph = (text, name) => text && element("p", { class: name }, shortText(text, 1000));
const quote = (text) => element("pre", { tabindex: "0" }, shortText(text, 20000));

// What stands in the place of a picture.
function message() {
    const { stage, answer, problem, isError, isLate, isLoading, loadProblem, arguments: { sql } } = state;
    const kind = isError ? "message problem" : "message";
    const box = (heading, ...parts) => element("div", { class: kind }, element("strong", {}, heading), parts);
    const heading = {
        connecting: "Connecting…", cancelled: "The query was cancelled", alone: "The view could not connect to its host",
    }[stage];
    if (heading) return box(heading, paragraph(problem));
    if (stage === "waiting") {
        const run = isLoading ? paragraph("Running…") : button("Run the query", load, { id: "run" });
        return box("Running the query…",
            textOf(sql) && element("details", { id: "sql", open: find("sql")?.open }, element("summary", {}, "SQL"), quote(sql)),
            isLate && canRun() && [paragraph("No result has come yet."), run],
            loadProblem && paragraph(`It did not work: ${loadProblem}`));
    }
    if (stage === "failed") {
        return box(isError ? "The server answered with an error" : "This is not a table. The server answered:", quote(problem));
    }
    return hasRows() ? null : box(answer.truncated ? "No row could be sent" : "No rows", paragraph(answer.notice));
}

function drawPicture() {
    const { answer, choice } = state;
    const box = element("div");
    current.cleanUp?.();
    current.cleanUp = null;
    const instead = message();
    fill("picture", instead || box);
    if (instead) return;
    const size = { width: find("picture").clientWidth, height: heightFor() };
    try {
        if (choice.view !== "table") {
            current.cleanUp = (choice.view === "map" ? drawMap : drawChart)(box, answer, choice, size);
            return;
        }
    } catch (error) {
        box.replaceChildren();
        failed(error);
    }
    drawTable(box, answer, Object.assign(state.table, { height: size.height, isFull: isFullScreen(), label: titleOf() }));
}

// What the rest leaves of the whole height.
function heightFor() {
    const { maxHeight, height } = objectOf(host.context.containerDimensions);
    const limits = [HEIGHT, height, maxHeight].map(asNumber).filter(Boolean);
    const limit = isFullScreen() ? window.innerHeight : Math.min(...limits);
    const heightOf = (id) => find(id).getBoundingClientRect().height;
    return Math.max(140, Math.floor(limit - heightOf("view") + heightOf("picture")));
}

function drawFoot() {
    const { answer, isLoading, hasLoaded, loadProblem } = state;
    if (!answer) return fill("foot");
    const { rowCount, truncated, notice, asOf } = answer;
    const words = rowsInWords(rowCount);
    const canLoad = truncated && canRun() && !hasLoaded;
    const date = asOf && format("DateTimeFormat", { dateStyle: "medium", timeStyle: "short", timeZone: locale.timeZone });
    return fill("foot",
        hasRows() && paragraph(truncated ? `Showing the first ${words}; the query has more.` : words),
        canLoad && (isLoading ? paragraph("Loading all rows…") : button("Load all rows", load, { id: "load" })),
        asOf && element("p", { class: "time" }, `As of ${date.format(Date.parse(asOf))}`),
        paragraph(loadProblem && `The other rows could not be loaded: ${loadProblem}`, "problem"),
        hasRows() && !truncated && paragraph(notice, "notice"));
}

function render() {
    const { id } = document.activeElement || {};
    fill("title", titleOf());
    find("title").title = titleOf();
    find("view").setAttribute("aria-busy", state.stage === "connecting" || state.isLoading);
    drawActions();
    drawViews();
    drawPanel();
    drawFoot();
    drawPicture();
    current.drawnFor = sizeKey();
    // What was in use is made anew, and keeps the focus.
    if (id && document.activeElement.id !== id) find(id)?.focus();
}

const restyle = guarded(() => {
    applyContext();
    render();
});

const sizeKey = () => `${document.documentElement.clientWidth} ${isFullScreen() ? window.innerHeight : 0}`;

// Drawn anew only when what it was drawn for has changed: the height follows from the drawing.
function sizeChanged() {
    cancelAnimationFrame(current.frame);
    current.frame = requestAnimationFrame(guarded(() => {
        if (sizeKey() !== current.drawnFor) render();
        reportSize();
    }));
}

// ---- the start

async function start() {
    const observer = new ResizeObserver(sizeChanged);
    const teardown = () => {
        observer.disconnect();
        cancelAnimationFrame(current.frame);
        clearTimeout(current.wait);
        clearTimeout(current.word);
        current.cleanUp?.();
    };
    applyContext();
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
    window.addEventListener("resize", sizeChanged);
    document.addEventListener("keydown", guarded(({ key, defaultPrevented }) => {
        if (key === "Escape" && isFullScreen() && !defaultPrevented) resize(false);
    }));
    try {
        await connect({ input: takeInput, result: takeResult, cancelled: takeCancelled, context: restyle, teardown });
        if (state.stage === "connecting") state.stage = "waiting";
        restyle();
        observer.observe(document.documentElement);
        loadFresh();
    } catch (error) {
        Object.assign(state, { stage: "alone", problem: error.message });
        render();
    }
}

start();
