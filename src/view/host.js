// The conversation with the host: JSON-RPC 2.0 in messages to and from the page that frames this one. There is no other way out.

const host = { capabilities: {}, context: {}, isReady: false, size: "" };
const pending = new Map();
let lastId = 0;

const notify = (method, params) => window.parent.postMessage({ jsonrpc: "2.0", method, params }, "*");
const respond = (id, answer) => window.parent.postMessage({ jsonrpc: "2.0", id, ...answer }, "*");

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
        window.parent.postMessage({ jsonrpc: "2.0", id, method, params }, "*");
    });
}

// The handlers: input, result, cancelled, context, teardown. The host may send at any time after the first message.
async function connect(handlers) {
    window.addEventListener("message", guarded((event) => {
        // The origin says nothing: a sandboxed frame has none. Only the frame around this one is heard.
        if (event.source === window.parent && isObject(event.data) && event.data.jsonrpc === "2.0") receive(event.data, handlers);
    }));
    const answer = await request("ui/initialize", {
        protocolVersion: "2026-01-26",
        appInfo: { name: "fireside-analytics-view", version: "1" },
        appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
    }, 10);
    host.capabilities = objectOf(answer.hostCapabilities);
    // What has changed in the meantime is newer than the answer.
    host.context = { ...objectOf(answer.hostContext), ...host.context };
    host.isReady = true;
    notify("ui/notifications/initialized", {});
}

const objectOf = (value) => isObject(value) ? value : {};

function receive(message, handlers) {
    const { id, method } = message;
    const isId = typeof id === "number" || typeof id === "string";
    if (typeof method !== "string") {
        if (isId) settle(id, message);
    } else if (isId) {
        if (method === "ui/resource-teardown") handlers.teardown();
        const isKnown = method === "ping" || method === "ui/resource-teardown";
        respond(id, isKnown ? { result: {} } : { error: { code: -32601, message: "Method not found" } });
    } else {
        hear(method, objectOf(message.params), handlers);
    }
}

function settle(id, message) {
    const waiting = pending.get(id);
    if (!waiting) return;
    pending.delete(id);
    clearTimeout(waiting.timer);
    if (message.error === undefined) {
        waiting.resolve(objectOf(message.result));
    } else {
        waiting.reject(new Error(String(objectOf(message.error).message || "the host refused").slice(0, 500)));
    }
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

function disconnect() {
    for (const { timer } of pending.values()) clearTimeout(timer);
    pending.clear();
}

// ---- what this host can do

const hasTools = () => isObject(host.capabilities.serverTools);
const hasDownload = () => isObject(host.capabilities.downloadFile);
const isFullScreen = () => host.context.displayMode === "fullscreen";
const hasFullScreen = () => Array.isArray(host.context.availableDisplayModes)
    && host.context.availableDisplayModes.includes("fullscreen");

// Resolves with the result of a tool of the same server.
const callTool = (name, values) => request("tools/call", { name, arguments: values }, 120);

async function setFullScreen(wanted) {
    const { mode } = await request("ui/request-display-mode", { mode: wanted ? "fullscreen" : "inline" }, 10);
    if (typeof mode === "string") host.context = { ...host.context, displayMode: mode };
    return isFullScreen() === wanted;
}

// The host asks the person; the last part of the address is the name of the file.
async function saveFile(name, text) {
    const resource = { uri: `file:///${name}`, mimeType: "text/csv", text };
    const { isError } = await request("ui/download-file", { contents: [{ type: "resource", resource }] }, 300);
    return isError !== true;
}

// Hosts differ in whether a frame may write to the clipboard. The old way needs no permission.
async function copyText(text) {
    const { featurePolicy } = document;
    try {
        // Where it is known to be forbidden, the attempt would only fill the browser's console.
        if (featurePolicy && !featurePolicy.allowsFeature("clipboard-write")) throw new Error("forbidden");
        await navigator.clipboard.writeText(text);
        return true;
    } catch {
        const before = document.activeElement;
        const area = element("textarea", { readonly: true, class: "quiet", "aria-hidden": "true" });
        area.value = text;
        document.body.append(area);
        area.select();
        const isDone = document.execCommand("copy");
        area.remove();
        if (before) before.focus();
        return isDone;
    }
}

// The host gives the width, the page says its height, each once.
function reportSize() {
    const { width, height } = document.documentElement.getBoundingClientRect();
    const size = { width: Math.ceil(width), height: Math.ceil(height) };
    if (!host.isReady || JSON.stringify(size) === host.size) return;
    host.size = JSON.stringify(size);
    notify("ui/notifications/size-changed", size);
}

// ---- how this host looks

// A value may name colours, sizes and fonts, but nothing that would be fetched.
const isHarmless = (value) => typeof value === "string" && value.length < 1000
    && !/(url|src|image|image-set|cross-fade|element|paint|attr)\s*\(|\\/i.test(value);

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
        const inset = asNumber(objectOf(safeAreaInsets)[side]);
        root.style.setProperty(`--inset-${side}`, `${Math.min(Math.max(inset || 0, 0), 100)}px`);
    }
    locale.language = accepted((value) => new Intl.NumberFormat(value), language);
    locale.timeZone = accepted((value) => new Intl.DateTimeFormat(undefined, { timeZone: value }), timeZone);
}

// The value if the browser takes it, otherwise the browser's own.
function accepted(use, value) {
    try {
        use(value);
        return typeof value === "string" ? value : undefined;
    } catch {
        return undefined;
    }
}
