/** A table that the service sorts, filters and cuts into pages: never more than one page of rows comes here. */
import { h } from "./report/dom.js";
import { api, query } from "./api.js";
import { attempt, button, sayer } from "./screen.js";

/**
 * path: where the rows come from; columns: [{ key, label, title, cell(row), numeric, fixed }] (fixed: not to be sorted by);
 * filters: [{ key, label, choices }]; empty: what stands there without a row; detail(row): what a row opens to.
 * bare: the caption is for screen readers alone, where a heading says it. The element has `refresh()`, and `turn(change)` of what is asked.
 */
export function serverTable({ caption, path, columns, filters = [], sort = "", size = 25, empty = "No rows.", detail = null, rowClass = () => null, bare = false }) {
  const asked = { page: 1, page_size: size, sort };
  const body = h("tbody");
  const status = h("span", { role: "status" });
  const line = sayer();
  const back = button("Previous", () => turn({ page: asked.page - 1 }));
  const on = button("Next", () => turn({ page: asked.page + 1 }));
  const heads = columns.map((column) =>
    h("th", { scope: "col", class: column.numeric ? "n" : null, title: column.fixed ? column.title : null },
      column.fixed ? column.label : h("button", { type: "button", title: column.title, onclick: () => sortBy(column) }, column.label)));
  const choices = filters.map(({ key, label, choices: values }) =>
    h("label", {}, `${label} `, h("select", { onchange: (event) => turn({ page: 1, [key]: event.target.value }) },
      h("option", { value: "" }, "all"), values.map((value) => h("option", { value }, value)))));
  let latest = 0;

  function sortBy({ key, numeric }) {
    const descending = asked.sort === key || (asked.sort !== `-${key}` && numeric);
    turn({ page: 1, sort: descending ? `-${key}` : key });
  }

  async function turn(change) {
    Object.assign(asked, change);
    const mine = (latest += 1);
    heads.forEach((head, i) => {
      const { key } = columns[i];
      if (asked.sort.replace(/^-/, "") === key) head.setAttribute("aria-sort", asked.sort === key ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    const found = await attempt(line, null, () => api(`${path}${query(asked)}`));
    if (found && mine === latest) show(found);
  }

  function show({ items, total, page, page_size: most }) {
    const last = Math.max(1, Math.ceil(total / most));
    if (page > last) return turn({ page: last });
    body.replaceChildren(...items.flatMap(asRows));
    if (!items.length) body.append(h("tr", {}, h("td", { class: "empty", colspan: columns.length }, empty)));
    status.textContent = total ? `${total.toLocaleString("en")} row${total === 1 ? "" : "s"}${last > 1 ? `, page ${page} of ${last}` : ""}` : "";
    back.disabled = page <= 1;
    on.disabled = page >= last;
    back.hidden = on.hidden = last === 1;
  }

  function asRows(row) {
    const cells = columns.map((column, i) => {
      const content = column.cell ? column.cell(row) : row[column.key];
      return h(i === 0 ? "th" : "td", { class: column.numeric ? "n" : null, scope: i === 0 ? "row" : null }, content ?? "");
    });
    const shown = h("tr", { class: rowClass(row) }, cells);
    if (!detail) return [shown];
    const inside = h("td", { colspan: columns.length });
    const opened = h("tr", { class: "detail", hidden: true }, inside);
    const opener = h("button", { type: "button", class: "open", "aria-expanded": "false", "aria-label": "Details" }, "+");
    opener.addEventListener("click", () => {
      if (opened.hidden) inside.replaceChildren(detail(row));
      opened.hidden = !opened.hidden;
      opener.setAttribute("aria-expanded", String(!opened.hidden));
      opener.textContent = opened.hidden ? "+" : "−";
    });
    cells[0].prepend(opener, " ");
    return [shown, opened];
  }

  const element = h("div", { class: "table" },
    h("div", { class: "controls" }, choices, status, back, on), line,
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
      h("table", {}, h("caption", { class: bare ? "unseen" : null }, caption), h("thead", {}, h("tr", {}, heads)), body)));
  /** Ask again, for the page that is shown or after a change of it; `refresh` not while a row is open, which would shut it. */
  element.turn = turn;
  element.refresh = () => (body.querySelector("[aria-expanded=true]") ? null : turn({}));
  turn({});
  return element;
}
