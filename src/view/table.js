// The result as a table: sorted by its headers, a page at a time.

const LINE = 29;
// How much of a value a cell shows, closed and opened, and from where on it can be opened.
const CELL = { closed: 120, opened: 20000, long: 48 };

const isNarrow = () => window.matchMedia("(pointer: coarse), (max-width: 479px)").matches;

// `state` outlives the drawing: {page, sort, height, isFull, label}. The page has as many rows as there is height for.
function drawTable(box, answer, state) {
    const { columns, rows } = answer;
    const [headHeight, pagesHeight] = isNarrow() ? [48, 50] : [34, 38];
    const room = (height) => Math.floor((height - headHeight) / LINE);
    const fitting = rows.length <= room(state.height) ? rows.length : room(state.height - pagesHeight);
    const size = state.isFull ? 100 : Math.max(3, Math.min(20, fitting));
    const last = Math.ceil(rows.length / size) - 1;
    const digits = columns.map((column) => column.kind === "number" ? columnDigits(answer, column) : undefined);
    const body = element("tbody");
    const heads = columns.map((column) => headOf(column, state, update));
    const table = element("table", { "aria-label": state.label }, element("thead", {}, element("tr", {}, heads)), body);
    // A few columns are easier to read side by side than at the two ends of a wide page.
    table.style.minWidth = `min(100%, ${columns.length * 15}rem)`;
    const grid = element("div", { class: "grid", role: "region", "aria-label": state.label }, table);
    const count = element("span", { role: "status" });
    const move = (label, sign, to) => button(sign, () => {
        state.page = to();
        update();
    }, { id: label.replace(" ", "-"), "aria-label": label, title: label });
    const back = [move("First page", "«", () => 0), move("Previous page", "‹", () => state.page - 1)];
    const forth = [move("Next page", "›", () => state.page + 1), move("Last page", "»", () => last)];

    function update() {
        const { sort } = state;
        state.page = Math.max(0, Math.min(state.page, last));
        const first = state.page * size;
        const shown = sorted(answer, sort).slice(first, first + size);
        const cells = (row) => columns.map((column, i) => cellOf(row[i], column, digits[i]));
        body.replaceChildren(...shown.map((row) => element("tr", {}, cells(row))));
        heads.forEach((head, i) => {
            head.setAttribute("aria-sort", sort?.index !== i ? "none" : sort.isDown ? "descending" : "ascending");
        });
        // Words between the numbers keep them in order where the digits are Arabic.
        const [from, to, all] = [first + 1, first + shown.length, rows.length].map((number) => formatNumber(number));
        count.textContent = `${from} to ${to} of ${all}`;
        back.forEach((step) => step.setAttribute("aria-disabled", state.page === 0));
        forth.forEach((step) => step.setAttribute("aria-disabled", state.page === last));
        grid.scrollTop = 0;
    }
    update();
    box.append(grid);
    if (last > 0) box.append(element("nav", { class: "pages", "aria-label": "Pages" }, back, count, forth));
    grid.style.maxHeight = `${Math.max(120, state.height - (last > 0 ? pagesHeight : 0))}px`;
    // Only a box that scrolls is a stop for the keyboard.
    if (grid.scrollWidth > grid.clientWidth || grid.scrollHeight > grid.clientHeight) grid.tabIndex = 0;
}

// Ascending, descending, and back to the order of the query.
function headOf({ name, type, kind, index }, state, update) {
    const label = shortText(name, 100);
    const sort = button(label || "(no name)", () => {
        const isSame = state.sort?.index === index;
        state.sort = isSame && state.sort.isDown ? null : { index, isDown: isSame };
        state.page = 0;
        update();
    }, { id: `sort-${index}`, title: `${label} (${shortText(type, 40)})` });
    return element("th", { scope: "col", class: kind === "number" && kind }, sort);
}

// What is null comes last either way.
function sorted({ columns, rows }, sort) {
    const { index, isDown } = sort || {};
    // All rows can have other columns than the first ones had.
    if (!columns[index]) return rows;
    const compare = (a, b) => compareValues(a, b, columns[index]) * (isDown && a !== null && b !== null ? -1 : 1);
    return [...rows].sort((one, other) => compare(one[index], other[index]));
}

function cellOf(value, column, digits) {
    const kind = column.kind === "number" && column.kind;
    if (value === null) return element("td", { class: `null ${kind || ""}` }, "null");
    const whole = plainText(value);
    const text = formatValue(value, column, digits, CELL.closed);
    const title = text !== whole && shortText(whole, 1000);
    if (kind || whole.length <= CELL.long && !whole.includes("\n")) return element("td", { class: kind, title }, text);
    const opener = button(text, () => {
        const isOpen = opener.getAttribute("aria-expanded") === "true";
        // Who selects a part of the text does not close it.
        if (isOpen && String(window.getSelection())) return;
        opener.setAttribute("aria-expanded", !isOpen);
        opener.textContent = isOpen ? text : shortText(whole, CELL.opened);
    }, { "aria-expanded": "false", title });
    return element("td", {}, opener);
}
