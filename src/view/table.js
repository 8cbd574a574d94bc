// The result as a table: sorted by its headers, a page at a time.

const LINE = 29;
// How much of a value a cell shows, closed and opened, and from where on it can be opened.
const CELL = { closed: 120, opened: 20000, long: 48 };

// `state` outlives the drawing: {page, sort, height, isFull, label}. The page has as many rows as there is height for.
function drawTable(box, answer, state) {
    const { columns } = answer;
    const digits = columns.map((column) => column.kind === "number" ? columnDigits(answer, column) : undefined);
    const rows = sorted(answer, state.sort);
    const roomForAll = Math.floor((state.height - headHeight()) / LINE);
    const roomForPages = Math.floor((state.height - headHeight() - pagesHeight()) / LINE);
    const size = state.isFull ? 100 : Math.max(3, Math.min(20, rows.length <= roomForAll ? roomForAll : roomForPages));
    const body = element("tbody");
    const heads = columns.map((column) => headOf(column, state, update));
    const table = element("table", {},
        element("caption", { class: "quiet" }, state.label), element("thead", {}, element("tr", {}, heads)), body);
    // A few columns are easier to read side by side than at the two ends of a wide page.
    table.style.minWidth = `min(100%, ${columns.length * 15}rem)`;
    const grid = element("div", { class: "grid", role: "region", "aria-label": state.label }, table);
    const count = element("span", { role: "status" });
    const last = Math.max(0, Math.ceil(rows.length / size) - 1);
    const pages = element("nav", { class: "pages", "aria-label": "Pages" });
    const moves = [
        ["First page", "«", () => 0], ["Previous page", "‹", () => state.page - 1],
        ["Next page", "›", () => state.page + 1], ["Last page", "»", () => last],
    ].map(([label, sign, to]) => button(sign, () => {
        state.page = to();
        update();
    }, { id: label.replace(" ", "-"), "aria-label": label, title: label }));

    let order = rows;
    function update() {
        order = sorted(answer, state.sort);
        state.page = Math.max(0, Math.min(state.page, last));
        const first = state.page * size;
        const shown = order.slice(first, first + size);
        const cells = (row) => columns.map((column, i) => cellOf(row[i], column, digits[i]));
        body.replaceChildren(...shown.map((row) => element("tr", {}, cells(row))));
        heads.forEach((head, i) => {
            head.removeAttribute("aria-sort");
            const { index, isDown } = state.sort || {};
            if (index === i) head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
        });
        const numbers = [first + 1, first + shown.length, rows.length].map((number) => element("bdi", {}, formatNumber(number)));
        count.replaceChildren("Rows ", numbers[0], "–", numbers[1], " of ", numbers[2]);
        moves.forEach((move, i) => move.setAttribute("aria-disabled", i < 2 ? state.page === 0 : state.page === last));
        grid.scrollTop = 0;
    }
    update();
    box.append(grid);
    if (last > 0) {
        pages.append(moves[0], moves[1], count, moves[2], moves[3]);
        box.append(pages);
    }
    grid.style.maxHeight = `${Math.max(120, state.height - (last > 0 ? pagesHeight() : 0))}px`;
    // Only a box that scrolls is a stop for the keyboard.
    if (grid.scrollWidth > grid.clientWidth || grid.scrollHeight > grid.clientHeight) grid.tabIndex = 0;
}

const isNarrow = () => window.matchMedia("(pointer: coarse), (max-width: 479px)").matches;
const headHeight = () => isNarrow() ? 48 : 34;
const pagesHeight = () => isNarrow() ? 50 : 38;

// Ascending, descending, and back to the order of the query.
function headOf(column, state, update) {
    const name = shortText(column.name, 100);
    const sort = button(name || "(no name)", () => {
        const isSame = state.sort && state.sort.index === column.index;
        state.sort = isSame && state.sort.isDown ? null : { index: column.index, isDown: Boolean(isSame) };
        state.page = 0;
        update();
    }, { id: `sort-${column.index}`, title: `${name} (${shortText(column.type, 40)})` });
    return element("th", { scope: "col", class: column.kind === "number" ? "number" : "" }, sort);
}

function sorted(answer, sort) {
    if (!sort || !answer.columns[sort.index]) return answer.rows;
    const column = answer.columns[sort.index];
    const sign = sort.isDown ? -1 : 1;
    return [...answer.rows].sort(({ [sort.index]: a }, { [sort.index]: b }) => {
        // What is null comes last either way.
        if (a === null || b === null) return (a === null) - (b === null);
        return sign * compareValues(a, b, column);
    });
}

function cellOf(value, column, digits) {
    const kind = column.kind === "number" ? "number" : "";
    if (value === null) return element("td", { class: `null ${kind}` }, "null");
    const whole = plainText(value);
    const text = formatValue(value, column, digits, CELL.closed);
    const title = text === whole ? null : shortText(whole, 1000);
    if (kind || whole.length <= CELL.long && !whole.includes("\n")) return element("td", { class: kind, title }, text);
    const opener = button(text, () => {
        const isOpen = opener.getAttribute("aria-expanded") === "true";
        // Who selects a part of the text does not close it.
        if (isOpen && String(window.getSelection())) return;
        opener.setAttribute("aria-expanded", String(!isOpen));
        opener.textContent = isOpen ? text : shortText(whole, CELL.opened);
    }, { "aria-expanded": "false", title });
    return element("td", {}, opener);
}
