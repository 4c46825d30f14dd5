/** A new run: a scene to look at, what the run may do, what that costs, and the command line that does the same. */
import { h, number, prose, short } from "./report/dom.js";
import { api, onceKey } from "./api.js";
import { command, config } from "./command.js";
import { attempt, button, copyable, place, runs, sayer, waited } from "./screen.js";
import { look, searchable } from "./scene-look.js";
import { settingsForm } from "./settings-form.js";

const FIRST = ["Budget", "Evaluation protocol"];

/** The groups that most runs think about, then the others; a scene has its own when it is uploaded. */
function ordered(settings) {
  const of = (group) => settings.filter((one) => one.group === group);
  return [...FIRST.flatMap(of), ...settings.filter((one) => ![...FIRST, "Scene"].includes(one.group))];
}

const KINDS = { torch: "networks", classical: "classical" };

function familyChoice(families) {
  return (id) => {
    const chosen = new Set();
    const box = ({ name, summary }) => h("label", { title: summary }, h("input", { type: "checkbox", onchange: (event) => (event.target.checked ? chosen.add(name) : chosen.delete(name)) }), name);
    const element = h("fieldset", { id, class: "families", tabindex: "-1" }, h("legend", {}, "None chosen: all of the space"),
      Object.entries(KINDS).map(([kind, label]) => h("div", { role: "group", "aria-label": label }, h("span", { class: "kind" }, label), families.filter((one) => one.kind === kind).map(box))));
    element.value_of = () => (chosen.size ? [...chosen].join(",") : undefined);
    return element;
  };
}

/** rows: of `hsiauto estimate --json`. */
function costTable(rows) {
  const columns = [["parameters", (row) => short(row.parameters)], ["MiB", (row) => number(row.memory_bytes / 2 ** 20, 0)], ["s in full", (row) => short(row.full_seconds)]];
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Costs" },
    h("table", {}, h("caption", {}, "Of a training to its end, on the service's machine"),
      h("thead", {}, h("tr", {}, ["family", "config"].map((name) => h("th", { scope: "col" }, name)), columns.map(([name]) => h("th", { scope: "col", class: "n" }, name)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, h("th", { scope: "row" }, row.family), h("td", {}, row.name), columns.map(([, cell]) => h("td", { class: "n" }, cell(row))))))));
}

async function screen() {
  const [{ items: all, total }, settings, families] = await waited(Promise.all([api("/scenes?page_size=200"), api("/settings"), api("/families")]));
  const items = all.filter(searchable);
  if (!items.length) return place.append(h("p", {}, "There is no scene yet. ", h("a", { href: "/scenes" }, "Upload one"), "."));
  const asked = new URLSearchParams(location.search).get("scene");
  const pick = h("select", { id: "scene" }, items.map((scene) => h("option", { value: scene.id, selected: scene.id === asked }, scene.name)));
  const name = h("input", { id: "name", type: "text", maxlength: "100", autocomplete: "off", placeholder: "chosen by the service" });
  const seen = h("div", { class: "seen" });
  const line = sayer();
  const shown = copyable("Command line");
  const costs = h("div", { class: "costs", role: "status" });
  const form = settingsForm(ordered(settings), {
    open: (group) => FIRST.includes(group), special: { families: familyChoice(families) }, onchange: () => update() });
  const scene = () => items.find((one) => one.id === pick.value);
  const request = () => ({ scene: pick.value, config: config(form.changed()), ...(name.value.trim() ? { name: name.value.trim() } : {}) });
  let key = onceKey();

  function update() {
    shown.set(command(scene(), form.changed()));
    key = onceKey();
    costs.replaceChildren();
  }
  async function ask(pressed, action) {
    const answer = await attempt(line, pressed, action);
    form.mark(line.sentence);
    return answer;
  }
  const estimate = button("Estimate", async () => {
    costs.replaceChildren(h("p", {}, "Measuring: a minute at most."));
    const told = await ask(estimate, () => api("/estimate", { method: "POST", body: request() }));
    const late = told && !told.complete ? [h("p", {}, told.text.split("\n").at(-1))] : [];
    costs.replaceChildren(...(told ? [costTable(told.rows), ...late] : []));
  });
  const start = button("Start the run", async () => {
    const run = await ask(start, () => api("/runs", { method: "POST", body: request(), headers: { "Idempotency-Key": key } }));
    if (run) location.assign(`/runs/${run.id}`);
  }, "main");
  const choose = () => { seen.replaceChildren(look(scene())); update(); };
  pick.addEventListener("change", choose);
  name.addEventListener("input", update);
  choose();
  place.append(h("div", { class: "columns" },
    h("div", {},
      h("div", { class: "field" }, h("label", { for: "scene" }, "scene"), pick, total > all.length ? h("p", { class: "help" }, `Of the first ${all.length} of ${total}; start from the list of scenes to take another.`) : null),
      h("div", { class: "field" }, h("label", { for: "name" }, "name of the run"), name),
      form.element),
    h("aside", { "aria-label": "Scene, command and costs" }, seen,
      h("h2", {}, "The same from a shell"), shown,
      h("h2", {}, "Costs"), h("p", {}, prose("What each family's presets take on the service's machine, as `hsiauto estimate` measures it.")), estimate, costs,
      line, h("p", { class: "actions" }, start))));
}

const failed = sayer();
place.append(failed);
if (runs) attempt(failed, null, screen);
else failed.say("a viewer looks at runs and starts none", false);
