/** All runs that the visitor may see. */
import { h } from "./report/dom.js";
import { badge, button, percent, place, repeat, runs, when } from "./screen.js";
import { sceneName } from "./scene-look.js";
import { serverTable } from "./server-table.js";
import { STATES } from "./states.js";

const chosen = new Set();
const compare = button("Compare", () => location.assign(`/compare?runs=${[...chosen].join(",")}`));

function choose(run) {
  const change = (event) => {
    event.target.checked ? chosen.add(run.id) : chosen.delete(run.id);
    tell();
  };
  return h("input", { type: "checkbox", checked: chosen.has(run.id), onchange: change, "aria-label": `Compare ${run.name}` });
}

function tell() {
  compare.disabled = chosen.size < 2;
  compare.textContent = chosen.size < 2 ? "Compare: choose two runs" : `Compare ${chosen.size} runs`;
}

function trials({ kind, state, progress }) {
  if (kind !== "search" || state === "queued") return "";
  return progress.budget ? `${progress.trials} of ${progress.budget}` : String(progress.trials);
}

const list = serverTable({
  bare: true,
  caption: "Runs",
  path: "/runs",
  sort: "-created",
  empty: "No run yet.",
  filters: [{ key: "state", label: "State", choices: STATES }],
  columns: [
    { key: "name", label: "run", cell: (run) => h("a", { href: `/runs/${run.id}` }, run.name) },
    { key: "state", label: "state", cell: (run) => badge(run.state) },
    { key: "scene", label: "scene", fixed: true, cell: (run) => sceneName(run.scene) },
    { key: "trials", label: "trials", numeric: true, fixed: true, cell: trials },
    { key: "best", label: "best val. OA", title: "on validation, which chose the trial, so it flatters", numeric: true, fixed: true, cell: (run) => percent(run.progress.best?.val_oa) },
    { key: "test_oa", label: "test OA", title: "of the winner, on the sealed test pixels", numeric: true, fixed: true, cell: (run) => percent(run.winner?.test_oa) },
    { key: "winner", label: "winner", fixed: true, cell: (run) => run.winner?.family },
    { key: "owner", label: "owner", fixed: true, cell: (run) => (run.mine ? "you" : run.owner) },
    { key: "created", label: "created", cell: (run) => when(run.created) },
    { key: "chosen", label: "compare", fixed: true, cell: (run) => (run.kind === "search" ? choose(run) : "") },
  ],
});

tell();
place.append(
  h("p", { class: "actions" }, runs ? h("a", { class: "button main", href: "/runs/new" }, "New run") : null, compare),
  list);
repeat(5000, async () => list.refresh());
