// The conversation with the host: JSON-RPC 2.0 in messages to and from the page that frames this one. There is no other way out.

const host = { capabilities: {}, context: {}, isReady: false, size: "" };
const pending = new Map();
let lastId = 0;

const send = (message) => window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");

// Resolves with the result. Rejects when the host answers with an error, or not within the time.
function request(method, params, seconds) {
    lastId += 1;
    const id = lastId;
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
            pending.delete(id);
            reject(new Error(`no answer within ${seconds} seconds`));
        }, seconds * 1000);
        pending.set(id, { resolve, reject, timer });
        send({ id, method, params });
    });
}

// The handlers: input, result, cancelled, context, teardown. The host may send at any time after the first message.
async function connect(handlers) {
    window.addEventListener("message", guarded((event) => {
        // The origin says nothing: a sandboxed frame has none. Only the frame around this one is heard.
        if (event.source === window.parent && isObject(event.data) && event.data.jsonrpc === "2.0") receive(event.data, handlers);
    }));
    // A slow host is waited for: until it is told that all is ready, it shows nothing of this page.
    const answer = await request("ui/initialize", {
        protocolVersion: "2026-01-26",
        appInfo: { name: "fireside-analytics-view", version: "1" },
        appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
    }, 600);
    host.capabilities = objectOf(answer.hostCapabilities);
    // What has changed in the meantime is newer than the answer.
    host.context = { ...objectOf(answer.hostContext), ...host.context };
    host.isReady = true;
    send({ method: "ui/notifications/initialized", params: {} });
}

// A request has a method and an id, a notification no id, an answer no method.
function receive({ id, method, params, result, error }, handlers) {
    if (typeof method !== "string") {
        settle(id, result, error);
    } else if (typeof id !== "number" && typeof id !== "string") {
        hear(method, objectOf(params), handlers);
    } else {
        if (method === "ui/resource-teardown") handlers.teardown();
        const isKnown = method === "ping" || method === "ui/resource-teardown";
        send({ id, ...isKnown ? { result: {} } : { error: { code: -32601, message: "Method not found" } } });
    }
}

function settle(id, result, error) {
    const waiting = pending.get(id);
    if (!waiting) return;
    pending.delete(id);
    clearTimeout(waiting.timer);
    if (!isGiven(error)) waiting.resolve(objectOf(result));
    else waiting.reject(new Error(textOf(objectOf(error).message).slice(0, 500) || "the host refused"));
}

// Notifications. Others are not for this page: an unfinished input, or what goes on between the host and its own sandbox.
function hear(method, params, handlers) {
    if (method === "ui/notifications/tool-input") handlers.input(objectOf(params.arguments));
    if (method === "ui/notifications/tool-result") handlers.result(params);
    if (method === "ui/notifications/tool-cancelled") handlers.cancelled();
    if (method === "ui/notifications/host-context-changed") {
        host.context = { ...host.context, ...params };
        handlers.context();
    }
}

// ---- what this host can do

const hasTools = () => isObject(host.capabilities.serverTools);
const hasDownload = () => isObject(host.capabilities.downloadFile);
const isFullScreen = () => host.context.displayMode === "fullscreen";
const hasFullScreen = () => [host.context.availableDisplayModes].flat().includes("fullscreen");

// Resolves with the result of a tool of the same server.
const callTool = (name, values) => request("tools/call", { name, arguments: values }, 120);

async function setFullScreen(wanted) {
    const { mode } = await request("ui/request-display-mode", { mode: wanted ? "fullscreen" : "inline" }, 10);
    host.context.displayMode = mode;
    return isFullScreen() === wanted;
}

// The host asks the person; the last part of the address is the name of the file.
async function saveFile(name, text) {
    const resource = { uri: `file:///${name}`, mimeType: "text/csv", text };
    const { isError } = await request("ui/download-file", { contents: [{ type: "resource", resource }] }, 300);
    return isError !== true;
}

// The host gives the width, the page says its height, each once.
function reportSize() {
    const { width, height } = document.documentElement.getBoundingClientRect();
    const size = `${width} ${height}`;
    if (!host.isReady || size === host.size) return;
    host.size = size;
    send({ method: "ui/notifications/size-changed", params: { width: Math.ceil(width), height: Math.ceil(height) } });
}

// ---- how this host looks

// A value may name colours, sizes and fonts, but nothing that would be fetched, whatever it is hidden behind.
const isHarmless = (value) => typeof value === "string" && value.length < 1000 && !/(url|src|image(-set)?)\(|\\/i.test(value);

function applyContext() {
    const root = document.documentElement;
    const { theme, styles, locale: language, timeZone, safeAreaInsets } = host.context;
    const isDark = theme === "dark" || theme !== "light" && window.matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "dark" : "light";
    root.dataset.mode = isFullScreen() ? "fullscreen" : "inline";
    for (const [name, value] of Object.entries(objectOf(objectOf(styles).variables))) {
        if (/^--[a-z0-9-]+$/.test(name) && isHarmless(value)) root.style.setProperty(name, value);
    }
    for (const side of ["top", "right", "bottom", "left"]) {
        const inset = asNumber(objectOf(safeAreaInsets)[side]) || 0;
        root.style.setProperty(`--inset-${side}`, `${Math.min(Math.max(inset, 0), 100)}px`);
    }
    locale.language = accepted(language, (value) => new Intl.NumberFormat(value));
    locale.timeZone = accepted(timeZone, (value) => new Intl.DateTimeFormat("en", { timeZone: value }));
}

// The value if the browser takes it, otherwise the browser's own.
const accepted = (value, use) => attempt(() => use(value) && textOf(value)) || undefined;
