/** A table that sorts, filters and turns pages: never more than one page of rows is in the document. */
import { h } from "./dom.js";

const PAGE = 50;

/**
 * columns: [{ key, label, title, text(row), sort(row), numeric }]; rows: objects.
 * filters: [{ label, of(row) }], a choice each. detail(row): what a row opens to, or null.
 */
export function table({ caption, columns, rows, filters = [], detail = null }) {
  let sorted = { column: null, ascending: true };
  let page = 0;
  const chosen = new Map();
  const body = h("tbody");
  const status = h("span", { role: "status" });
  const search = h("input", { type: "search", "aria-label": "Find in the table", placeholder: "Find", oninput: () => show(0) });
  const choices = filters
    .map((filter) => [filter, [...new Set(rows.map(filter.of))].sort()])
    .filter(([, values]) => values.length > 1)
    .map(([filter, values]) =>
      h("label", {}, `${filter.label} `,
        h("select", { onchange: (event) => { chosen.set(filter, event.target.value); show(0); } },
          h("option", { value: "" }, "all"), values.map((value) => h("option", { value }, value)))));
  const heads = columns.map((column) =>
    h("th", { scope: "col", class: column.numeric ? "n" : null },
      h("button", { type: "button", title: column.title, onclick: () => sortBy(column) }, column.label)));
  const back = h("button", { type: "button", onclick: () => show(page - 1) }, "Previous");
  const on = h("button", { type: "button", onclick: () => show(page + 1) }, "Next");

  function sortBy(column) {
    sorted = { column, ascending: sorted.column === column ? !sorted.ascending : !column.numeric };
    heads.forEach((head, i) => {
      const direction = columns[i] === column ? (sorted.ascending ? "ascending" : "descending") : null;
      if (direction) head.setAttribute("aria-sort", direction);
      else head.removeAttribute("aria-sort");
    });
    show(0);
  }

  function found() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = rows.filter((row) => {
      if (filters.some((filter) => chosen.get(filter) && filter.of(row) !== chosen.get(filter))) return false;
      if (!words.length) return true;
      const text = columns.map((column) => column.text(row)).join(" ").toLowerCase();
      return words.every((word) => text.includes(word));
    });
    const { column, ascending } = sorted;
    if (!column) return kept;
    const value = column.sort ?? column.text;
    const missing = (v) => v == null || v === "";
    return kept.sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (missing(x) || missing(y)) return missing(x) - missing(y);
      const order = typeof x === "number" ? x - y : String(x).localeCompare(String(y));
      return ascending ? order : -order;
    });
  }

  function show(wanted) {
    const kept = found();
    const pages = Math.max(1, Math.ceil(kept.length / PAGE));
    page = Math.min(Math.max(0, wanted), pages - 1);
    body.replaceChildren(...kept.slice(page * PAGE, (page + 1) * PAGE).flatMap(asRows));
    status.textContent = `${kept.length} of ${rows.length} rows` + (pages > 1 ? `, page ${page + 1} of ${pages}` : "");
    back.disabled = page === 0;
    on.disabled = page === pages - 1;
    back.hidden = on.hidden = pages === 1;
  }

  function asRows(row) {
    const cells = columns.map((column, i) =>
      h(i === 0 ? "th" : "td", { class: column.numeric ? "n" : null, scope: i === 0 ? "row" : null }, column.text(row)));
    const line = h("tr", { class: row.rank === 1 ? "winner" : row.kind === "baseline" ? "baseline" : null }, cells);
    const more = detail?.(row);
    if (!more) return [line];
    const opened = h("tr", { class: "detail", hidden: true }, h("td", { colspan: columns.length }, more));
    const opener = h("button", { type: "button", class: "open", "aria-expanded": "false", "aria-label": "Details" }, "+");
    opener.addEventListener("click", () => {
      opened.hidden = !opened.hidden;
      opener.setAttribute("aria-expanded", String(!opened.hidden));
      opener.textContent = opened.hidden ? "+" : "−";
    });
    cells[0].prepend(opener, " ");
    return [line, opened];
  }

  show(0);
  return h("div", { class: "table" },
    h("div", { class: "controls" }, rows.length > 8 ? search : null, choices, status, back, on),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
      h("table", {}, h("caption", {}, caption), h("thead", {}, h("tr", {}, heads)), body)));
}
