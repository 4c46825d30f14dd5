/** Runs side by side, and whether their winners differ by more than chance on the same test pixels. */
import { h, number, prose, section, short } from "./report/dom.js";
import { api } from "./api.js";
import { attempt, badge, button, facts, percent, place, sayer, seconds, waited, when } from "./screen.js";
import { sceneName } from "./scene-look.js";

const MOST = 4;
const line = sayer();
const result = h("div");
const asked = (new URLSearchParams(location.search).get("runs") ?? "").split(",").filter(Boolean).slice(0, MOST);

const ROWS = [
  ["state", (run) => badge(run.state)],
  ["scene", (run) => sceneName(run.scene)],
  ["trials", (run) => `${run.progress.trials}`],
  ["time", (run) => seconds(run.progress.seconds)],
  ["best validation OA", (run) => percent(run.progress.best?.val_oa)],
  ["winner", (run) => run.winner?.family],
  ["winner's test OA", (run) => percent(run.winner?.test_oa)],
  ["owner", (run) => (run.mine ? "you" : run.owner)],
  ["created", (run) => when(run.created)],
];

/** Settings that are not the same in all runs. */
function differing(runs) {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.config)))].sort();
  const text = (run, name) => (name in run.config ? String(run.config[name]) : "default");
  return names.filter((name) => new Set(runs.map((run) => text(run, name))).size > 1).map((name) => [h("code", {}, name), (run) => text(run, name)]);
}

function beside(runs) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Runs side by side" },
    h("table", {}, h("caption", {}, "Runs side by side, and the settings in which they differ"),
      h("thead", {}, h("tr", {}, h("td"), runs.map((run) => h("th", { scope: "col" }, h("a", { href: `/runs/${run.id}` }, run.name))))),
      h("tbody", {}, [...ROWS, ...differing(runs)].map(([name, cell]) =>
        h("tr", {}, h("th", { scope: "row" }, name), runs.map((run) => h("td", {}, cell(run) ?? "")))))));
}

function difference(test, what) {
  if (!test) return "no seed in common";
  const interval = test.p == null ? ", without an interval" : ` (95 % interval ${points(test.low)} to ${points(test.high)}, p = ${short(test.p)})`;
  return `${points(test.mean)} points of OA over ${test.n} ${what}${test.n === 1 ? "" : "s"}${interval}`;
}

function points(share) {
  return `${share > 0 ? "+" : ""}${number(100 * share)}`;
}

/** What `hsiauto compare` finds, each pair in its own words. */
function chance({ test_pixels: pixels, pairs, notes }, names) {
  return [
    h("p", {}, `On ${pixels.toLocaleString("en")} test pixels, each winner by the mean of its trainings.`),
    pairs.map(({ first, second, verdict, by_block: blocks, over_seeds: seeds, mcnemar }) => [
      h("p", { class: "first" }, `${names.get(first) ?? first} − ${names.get(second) ?? second}: ${verdict}.`),
      facts([["by block", difference(blocks, "block")], ["over seeds", difference(seeds, "seed")],
        ["McNemar", `${mcnemar.first_only.toLocaleString("en")} against ${mcnemar.second_only.toLocaleString("en")} pixels that one alone has right, p = ${short(mcnemar.p)}, were pixels independent`]]),
    ]).flat(),
    h("ul", { class: "notes" }, notes.map((note) => h("li", {}, prose(note)))),
  ].flat();
}

async function show(ids) {
  const runs = await attempt(line, null, () => Promise.all(ids.map((id) => api(`/runs/${id}`))));
  if (!runs) return;
  result.replaceChildren(section("Side by side", beside(runs)));
  const told = await attempt(line, null, () => api(`/compare?runs=${ids.join(",")}`));
  if (told) result.append(section("More than chance?", chance(told, new Map(runs.map((run) => [run.id, run.name])))));
}

async function screen() {
  const { items, total } = await waited(api("/runs?sort=-created&page_size=200"));
  const runs = items.filter((run) => run.kind === "search");
  if (runs.length < 2) return place.append(h("p", {}, "There are not two runs yet."));
  const choices = [0, 1].map((i) => h("select", { id: `run-${i}` }, runs.map((run) => h("option", { value: run.id, selected: run.id === (asked[i] ?? runs[i].id) }, run.name))));
  const go = button("Compare", () => {
    const ids = choices.map((one) => one.value);
    history.replaceState(null, "", `?runs=${ids.join(",")}`);
    show(ids);
  }, "main");
  place.append(h("p", {}, "Two runs of one split have the same test pixels, so their winners can be compared pixel by pixel."),
    h("div", { class: "inline" }, choices.map((one, i) => h("label", { for: one.id }, i ? "with " : "Compare ", one)), go,
      total > items.length ? h("span", { class: "help" }, `The newest ${items.length} of ${total}.`) : null),
    line, result);
  if (asked.length > 1) show(asked);
}

place.append(line);
attempt(line, null, screen);
