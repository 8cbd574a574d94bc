// What the person sees: one state at a time, the tools above the picture, and what is known about the rows below it.

const CHARTS = { line: "Line", bar: "Bars", stacked: "Stacked bars", scatter: "Scatter" };
// Inline, a picture and all around it stay within this height.
const HEIGHT = 500;
// A younger answer fills itself; an older one is a conversation that was opened again, which must not run queries.
const FRESH = 60000;
const TABLE = { view: "table", x: -1, y: [], group: -1, shape: -1, lat: -1, lon: -1 };

// stage: connecting, alone, waiting, drawn, failed, cancelled. `source` is the text of the result that was drawn.
const state = {
    stage: "connecting", arguments: {}, isLate: false, source: null, answer: null, problem: "", isError: false,
    choice: null, table: { page: 0 }, isPanelOpen: false, copied: null,
    isLoading: false, hasLoaded: false, hasTried: false, loadProblem: "",
};
// What is under way, and what was drawn last.
const current = { wait: 0, word: 0, frame: 0, cleanUp: null, drawnFor: "" };

const find = (id) => document.getElementById(id);
// A word about what was just done, over the picture for a while.
function say(text) {
    clearTimeout(current.word);
    find("status").textContent = text;
    current.word = setTimeout(() => find("status").replaceChildren(), 6000);
}

const failed = (error) => say(`Something went wrong here: ${shortText(String(objectOf(error).message || error), 200)}`);
const titleOf = () => shortText(objectOf(state.answer).title || textOf(state.arguments.title).trim() || "Query result", 200);
const canRun = () => hasTools() && textOf(state.arguments.sql).trim() !== "";

// ---- what comes in

function takeInput(values) {
    state.arguments = values;
    render();
    startWaiting();
    loadFresh();
}

function takeResult(result) {
    const source = plainText(result.content);
    // The same result again: what was loaded and chosen since then stays.
    if (source === state.source) return;
    clearTimeout(current.wait);
    const { answer, problem } = readAnswer(result);
    Object.assign(state, { source, hasLoaded: false, loadProblem: "", copied: null });
    show(answer, problem, result.isError === true);
    loadFresh();
}

function show(answer, problem, isError) {
    Object.assign(state, { stage: answer ? "drawn" : "failed", answer: answer || null, problem, isError });
    if (!answer) say("");
    if (answer) Object.assign(state, { choice: attempt(() => choose(answer), TABLE), table: { page: 0 } });
    render();
}

function takeCancelled() {
    clearTimeout(current.wait);
    if (state.answer) return;
    state.stage = "cancelled";
    render();
}

function startWaiting() {
    clearTimeout(current.wait);
    if (state.stage !== "waiting") return;
    current.wait = setTimeout(guarded(() => {
        state.isLate = true;
        render();
    }), 5000);
}

// ---- all rows

function loadFresh() {
    const { answer } = state;
    if (!answer || !answer.truncated || state.hasTried || !host.isReady || !canRun()) return;
    if (answer.asOf && Math.abs(Date.now() - Date.parse(answer.asOf)) < FRESH) guarded(load)();
}

// Runs the query again, for the person only. What is there stays until its rows have come.
async function load() {
    if (state.isLoading || !canRun()) return;
    const { source, answer: preview, arguments: { sql, max_rows: most } } = state;
    Object.assign(state, { isLoading: true, hasTried: true, loadProblem: "" });
    render();
    // Without a number the server sends all it may. The one of the model holds where it was not what cut the rows.
    const isLimited = Number.isInteger(most) && most > 0 && !(preview && preview.truncatedBy === "rows");
    let result = null;
    try {
        result = await callTool("show_rows", isLimited ? { sql, max_rows: most } : { sql });
    } catch (error) {
        state.loadProblem = error.message;
    }
    state.isLoading = false;
    // Another result has come meanwhile.
    if (state.source !== source) return render();
    const { answer, problem } = result ? readAnswer(result) : {};
    if (answer && preview && !(answer.truncated && answer.rowCount < preview.rowCount)) {
        Object.assign(answer, { title: preview.title, hints: preview.hints });
        take(answer);
    } else if (result && !preview) {
        if (answer) answer.hints = hintsOf(state.arguments);
        state.hasLoaded = true;
        show(answer, problem, result.isError === true);
    } else {
        state.loadProblem = state.loadProblem || problem || answer.notice;
        render();
    }
}

// All rows in place of the first ones. What was chosen by hand stays.
function take(answer) {
    const names = ({ columns }) => JSON.stringify(columns.map(({ name }) => name));
    const isSame = names(answer) === names(state.answer);
    const { choice } = state;
    const isChosen = isSame && choice.isByHand;
    const next = isChosen ? { ...choiceFor(answer, choice.view, choice), isByHand: true } : attempt(() => choose(answer), TABLE);
    if (isChosen && choice.group < 0) next.group = -1;
    Object.assign(state, { answer, choice: next, hasLoaded: true });
    if (!isSame) state.table = { page: 0 };
    render();
    say(`${rowsInWords(answer.rowCount)} loaded.`);
}

// ---- choosing

const isChart = (view) => Object.hasOwn(CHARTS, view);

function pickView(view) {
    setChoice({ ...choiceFor(state.answer, view, state.choice.isByHand ? state.choice : state.answer.hints) });
}

function pickColumns(change) {
    const wanted = { ...state.choice, ...change };
    const choice = choiceFor(state.answer, wanted.view, wanted);
    setChoice(wanted.group < 0 ? { ...choice, group: -1 } : choice);
}

function setChoice(choice) {
    state.choice = { ...choice, isByHand: true };
    render();
}

// ---- the tools

function drawViews() {
    const { answer, choice } = state;
    const views = answer && answer.rowCount > 0 ? attempt(() => offered(answer), []) : [];
    const charts = views.filter(isChart);
    const can = { table: true, chart: charts.length > 0, map: views.includes("map") };
    const kinds = [["table", "Table"], ["chart", "Chart"], ["map", "Map"]].filter(([kind]) => can[kind]);
    if (kinds.length < 2) return find("views").replaceChildren();
    const now = isChart(choice.view) ? "chart" : choice.view;
    const first = () => [choose(answer).view, ...charts].find(isChart);
    const choices = kinds.map(([kind, label]) => element("label", {},
        element("input", { type: "radio", name: "view", id: `view-${kind}`, checked: kind === now, on: {
            change: () => pickView(kind === "chart" ? first() : kind),
        } }), element("span", {}, label)));
    const kind = now === "chart" && !isNarrow() && kindChoice(charts, choice);
    const columns = now === "chart" && button([icon("columns"), element("span", {}, "Columns")], () => {
        state.isPanelOpen = !state.isPanelOpen;
        render();
    }, { id: "columns", "aria-label": "Columns", "aria-expanded": String(state.isPanelOpen), "aria-controls": "panel" });
    const group = element("div", { class: "choices", role: "radiogroup", "aria-label": "View" }, choices);
    return find("views").replaceChildren(group, ...[kind, columns].filter(Boolean));
}

// On a phone it stands among the columns.
const kindChoice = (charts, choice) => element("select", { id: "kind", "aria-label": "Kind of chart", on: {
    change: ({ target }) => pickView(target.value),
} }, charts.map((view) => element("option", { value: view, selected: view === choice.view }, CHARTS[view])));

function drawPanel() {
    const { answer, choice, copied } = state;
    const parts = [];
    if (copied !== null) {
        const area = element("textarea", { readonly: true, "aria-label": "Rows to copy", id: "copied" });
        area.value = copied;
        parts.push(area, button("Close", () => {
            state.copied = null;
            render();
        }, { id: "close" }));
    } else if (state.isPanelOpen && answer && answer.rowCount > 0 && isChart(choice.view)) {
        if (isNarrow()) parts.push(element("label", {}, "Kind", kindChoice(offered(answer).filter(isChart), choice)));
        parts.push(...columnChoices(answer, choice));
    }
    find("panel").replaceChildren(...parts);
}

function columnChoices({ columns }, choice) {
    const measures = columns.filter(({ kind }) => kind === "number" || kind === "interval");
    const axes = choice.view === "scatter" ? measures : columns.filter(({ kind }) => kind !== "shape" && kind !== "other");
    const option = (label, index, now) => element("option", { value: index, selected: index === now }, shortText(label, 60));
    const select = (label, key, options) => element("label", {}, label, element("select", { id: `column-${key}`, on: {
        change: (event) => pickColumns({ [key]: Number(event.target.value) }),
    } }, options));
    const toggle = ({ name, index }) => element("label", {},
        element("input", { type: "checkbox", id: `column-y-${index}`, checked: choice.y.includes(index), on: {
            change: ({ target }) => pickColumns({ y: choice.y.filter((y) => y !== index).concat(target.checked ? index : []) }),
        } }), shortText(name, 60));
    const groups = columns.filter(({ kind, index }) => ["text", "boolean", "number"].includes(kind) && index !== choice.x)
        .map(({ name, index }) => option(name, index, choice.group));
    const isOne = choice.view === "scatter" || choice.group >= 0;
    const axisOptions = axes.map(({ name, index }) => option(name, index, choice.x));
    return [
        select("X", "x", axisOptions),
        select("Group", "group", [option("None", -1, choice.group), ...groups]),
        isOne ? select("Y", "y", measures.map(({ name, index }) => option(name, index, choice.y[0])))
            : element("fieldset", {}, element("legend", { class: "quiet" }, "Y"), "Y",
                measures.filter(({ index }) => index !== choice.x).slice(0, 12).map(toggle)),
    ];
}

function drawActions() {
    const hasRows = state.answer && state.answer.rowCount > 0;
    const tool = (name, label, click) => button(icon(name), click, { id: name, "aria-label": label, title: label });
    const full = isFullScreen();
    const tools = [];
    if (hasRows && hasDownload()) tools.push(tool("download", "Download CSV", download));
    // Inline, two tools are enough.
    if (hasRows && (full || !hasDownload() || !hasFullScreen())) tools.push(tool("copy", "Copy rows", copy));
    if (full) tools.push(tool("shrink", "Leave full screen", () => resize(false)));
    else if (hasRows && hasFullScreen()) tools.push(tool("expand", "Full screen", () => resize(true)));
    find("actions").replaceChildren(...tools);
}

async function resize(isWanted) {
    const isDone = await setFullScreen(isWanted).catch(() => false);
    applyContext();
    render();
    say(isDone ? "" : "Full screen is not available now.");
}

async function download() {
    const isDone = await saveFile(fileName(titleOf()), toCsv(state.answer)).catch(() => false);
    const { rowCount, truncated } = state.answer;
    say(isDone ? `${truncated ? "The first " : ""}${rowsInWords(rowCount)} handed over as CSV.` : "The file was not saved.");
}

// Rows are parted by tabs, so that a spreadsheet takes them apart.
async function copy() {
    const text = toCsv(state.answer, "\t");
    if (await copyText(text)) return say(`${rowsInWords(state.answer.rowCount)} copied.`);
    state.copied = text;
    render();
    find("copied").select();
    return say("Copy the selected text with the keyboard or the menu.");
}

// ---- the picture and what is below it

function message(heading, ...parts) {
    return element("div", { class: "message" }, element("strong", {}, heading), parts);
}

const runButton = () => state.isLoading ? element("p", {}, "Running…") : button("Run the query", load, { id: "run" });
const quote = (text) => element("pre", { tabindex: "0" }, shortText(text, 20000));

function picture() {
    const { stage, answer, arguments: { sql } } = state;
    const [words, reason = ""] = {
        connecting: ["Connecting…"],
        cancelled: ["The query was cancelled"],
        alone: ["The view could not connect to its host", state.problem],
    }[stage] || [];
    if (words) return message(words, element("p", {}, shortText(reason, 500)));
    if (stage === "failed") {
        const heading = state.isError ? "The server answered with an error" : "This is not a table. The server answered:";
        return element("div", { class: state.isError ? "problem" : "" }, element("strong", {}, heading), quote(state.problem));
    }
    if (stage === "waiting") {
        const isOpen = find("sql") && find("sql").open;
        const late = state.isLate && canRun() && [element("p", {}, "No result has come yet."), runButton()];
        const problem = state.loadProblem && element("p", {}, `It did not work: ${shortText(state.loadProblem, 1000)}`);
        const query = textOf(sql) && element("details", { id: "sql", open: isOpen }, element("summary", {}, "SQL"), quote(sql));
        return message("Running the query…", query, late || [], problem || []);
    }
    if (answer.rowCount > 0) return answer.columns.length > 0 ? null : message("The rows have no columns");
    return message(answer.truncated ? "No row could be sent" : "No rows", element("p", {}, shortText(answer.notice, 600)));
}

function drawPicture() {
    const box = element("div");
    const place = find("picture");
    if (current.cleanUp) current.cleanUp();
    current.cleanUp = null;
    const other = picture();
    place.replaceChildren(other || box);
    if (other) return;
    const { answer, choice } = state;
    const size = { width: Math.floor(place.clientWidth), height: heightFor(place) };
    try {
        const draw = choice.view === "table" ? null : choice.view === "map" ? drawMap : drawChart;
        current.cleanUp = (draw && draw(box, answer, choice, size)) || null;
        if (draw) return;
    } catch (error) {
        box.replaceChildren();
        failed(error);
    }
    drawTable(box, answer, Object.assign(state.table, { height: size.height, isFull: isFullScreen(), label: titleOf() }));
}

// What the rest leaves of the whole height.
function heightFor(place) {
    const { maxHeight, height } = objectOf(host.context.containerDimensions);
    const given = asNumber(height) || asNumber(maxHeight) || HEIGHT;
    const limit = isFullScreen() ? window.innerHeight : Math.max(240, Math.min(HEIGHT, given));
    const rest = find("view").getBoundingClientRect().height - place.getBoundingClientRect().height;
    return Math.max(140, Math.floor(limit - rest));
}

function drawFoot() {
    const { answer } = state;
    if (!answer) return find("foot").replaceChildren();
    const { rowCount, truncated, notice, asOf } = answer;
    const options = { dateStyle: "medium", timeStyle: "short", timeZone: locale.timeZone };
    const count = truncated ? `Showing the first ${rowsInWords(rowCount)}; the query has more.` : rowsInWords(rowCount);
    const parts = [rowCount > 0 && element("p", {}, count)];
    if (truncated && canRun() && !state.hasLoaded) {
        parts.push(state.isLoading ? element("p", {}, "Loading all rows…") : button("Load all rows", load, { id: "load" }));
    }
    if (asOf) parts.push(element("p", { class: "time" }, `As of ${format("DateTimeFormat", options).format(Date.parse(asOf))}`));
    if (state.loadProblem) {
        const reason = shortText(state.loadProblem, 500);
        parts.push(element("p", { class: "problem" }, `The other rows could not be loaded: ${reason}`));
    }
    if (notice && !truncated && rowCount > 0) parts.push(element("p", { class: "notice" }, shortText(notice, 600)));
    return find("foot").replaceChildren(...parts.filter(Boolean));
}

function render() {
    const { id = "" } = document.activeElement || {};
    find("title").textContent = titleOf();
    find("title").title = titleOf();
    find("view").setAttribute("aria-busy", String(state.stage === "connecting" || state.isLoading));
    drawActions();
    drawViews();
    drawPanel();
    drawFoot();
    drawPicture();
    current.drawnFor = sizeKey();
    // What was in use is made anew, and keeps the focus.
    if (id && find(id) && document.activeElement.id !== id) find(id).focus();
}

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
    const theme = window.matchMedia("(prefers-color-scheme: dark)");
    const restyle = guarded(() => {
        applyContext();
        render();
    });
    const end = () => {
        for (const timer of [current.wait, current.word]) clearTimeout(timer);
        cancelAnimationFrame(current.frame);
        observer.disconnect();
        theme.removeEventListener("change", restyle);
        if (current.cleanUp) current.cleanUp();
        current.cleanUp = null;
        disconnect();
    };
    applyContext();
    theme.addEventListener("change", restyle);
    window.addEventListener("resize", guarded(sizeChanged));
    document.addEventListener("keydown", guarded((event) => {
        if (event.key === "Escape" && isFullScreen() && !event.defaultPrevented) resize(false);
    }));
    try {
        await connect({
            input: takeInput, result: takeResult, cancelled: takeCancelled, context: restyle, teardown: end,
        });
        if (state.stage === "connecting") state.stage = "waiting";
        restyle();
        observer.observe(document.documentElement);
        startWaiting();
        loadFresh();
    } catch (error) {
        Object.assign(state, { stage: "alone", problem: error.message });
        render();
    }
}

start();
