/** The report of a run: what it found in words, then the figures that the words rest on. */
import { h, number, prose, section, short } from "./dom.js";
import { labelsAskedFor } from "./labels.js";
import { sceneMap } from "./map.js";
import { bars, chart, colourOf } from "./plots.js";
import { table } from "./table.js";
import { tradeoffs } from "./tradeoffs.js";

export function render(place, data) {
  const colours = coloursOf(data.trials);
  const map = h("div", {}, data.map ? "Drawing the map." : null);
  place.replaceChildren(...[
    h("header", {}, h("h1", {}, data.scene), h("p", { class: "sub" }, data.name)),
    section("In words", words(data.words)),
    section("Leaderboard", data.board.length ? board(data) : null),
    section("Accuracy against distance", distance(data.distance)),
    section("Accuracy against cost", tradeoffs(data.board)),
    section("Labels asked for", labelsAskedFor(data.labels)),
    section("Map", data.map ? map : null),
    section("Classes", classes(data.classes)),
    section("Search", data.trials.length ? search(data, colours) : null),
    section("What mattered", mattered(data, colours)),
    section("Trials", data.trials.length ? trials(data) : null),
    section("How to do it again", reproduce(data.reproduce)),
  ].filter(Boolean));
  if (data.map) sceneMap(data.map).then((drawn) => map.replaceChildren(drawn));
}

/** The colour of each family that was tried. */
export function coloursOf(trials) {
  const families = [...new Set(trials.map((trial) => trial.family))].sort();
  return new Map(families.map((family, i) => [family, colourOf(i)]));
}

export function words({ statements, warnings, notes, advice }) {
  const list = (kind, sentences) => (sentences.length ? h("ul", { class: kind }, sentences.map((one) => h("li", {}, prose(one)))) : null);
  const [first, ...rest] = statements;
  return [
    h("p", { class: "first" }, prose(first ?? "Nothing has been retrained yet, so nothing can be said of a winner.")),
    rest.map((sentence) => h("p", {}, prose(sentence))),
    warnings.length ? h("h3", {}, "Beware") : null, list("warnings", warnings),
    notes.length ? h("h3", {}, "About the scene") : null, list("notes", notes),
    advice.length ? h("h3", {}, "What to try next") : null, list("advice", advice),
  ].flat();
}

function board({ board, objective }) {
  const column = (key, label, title, digits = 2) => ({ key, label, title, numeric: true, sort: (row) => row[key], text: (row) => number(row[key], digits) });
  return table({
    caption: "Configs retrained on train + validation and scored once on test; %, mean over trainings",
    rows: board,
    filters: [{ label: "Kind", of: (row) => row.kind }],
    columns: [
      { key: "family", label: "family", text: (row) => row.family },
      { key: "rank", label: "rank", title: "settled on validation, before a test label was read", numeric: true, sort: (row) => row.rank, text: (row) => row.rank ?? "–" },
      column("n", "n", "trainings", 0),
      { key: "test_oa", label: "test OA", title: "overall accuracy ± standard deviation over trainings", numeric: true, sort: (row) => row.test_oa,
        text: (row) => (row.test_oa == null ? row.note : `${number(row.test_oa)}${row.test_oa_std == null ? "" : ` ± ${number(row.test_oa_std)}`}`) },
      { key: "test_oa_low", label: "95 %", title: "what so many test pixels allow, were they independent (Wilson)", numeric: true, sort: (row) => row.test_oa_low,
        text: (row) => (row.test_oa_low == null ? "" : `${number(row.test_oa_low, 1)}–${number(row.test_oa_high, 1)}`) },
      column("test_aa", "AA", "mean recall over classes"),
      column("test_kappa", "kappa", "Cohen's kappa, times 100"),
      column("test_ece", "ECE", "how far the probability of the predicted class is from how often it is right, in points", 1),
      column("val", "validation", `mean ${objective} over the validations that decided, in %`),
      { ...column("parameters", "parameters", "trainable parameters", 0), text: (row) => short(row.parameters) },
      { ...column("fit_seconds", "fit s", "seconds of a training"), text: (row) => short(row.fit_seconds) },
      { ...column("pixels_per_second", "pixels/s", "pixels of a map a second"), text: (row) => short(row.pixels_per_second) },
      column("overlap", "overlap", "% of test windows that hold a training pixel", 0),
    ],
    detail: (row) => h("pre", {}, JSON.stringify(row.config, null, 2)),
  });
}

export function distance(found) {
  if (!found) return null;
  const line = (one, i) => ({ label: one.name, colour: colourOf(i), line: true, mark: 8, points: one.points });
  return [
    found.words.map((sentence) => h("p", {}, prose(sentence))),
    h("div", { class: "pair" },
      chart({ title: "Test OA by distance to the nearest training pixel", series: found.curves.map(line),
        x: { label: "distance, pixels", log: true }, y: { label: "test OA, %", range: [0, 100] } }),
      bars({ title: "How far the map lies from the nearest training pixel", rows: found.map.map(([label, value]) => ({ label, value })) })),
  ];
}

export function classes(found) {
  if (!found.length) return null;
  return [
    bars({ title: "Recall of the winner by class (line: 95 %, Wilson)",
      rows: found.map((one) => ({ label: one.name, value: one.recall, low: one.low, high: one.high, note: `${one.pixels} test pixels` })) }),
    matrix(found.map((one) => one.name), found.map((one) => one.called)),
  ];
}

function matrix(names, confusion) {
  const cell = (count, row, i, j) => {
    const share = count / Math.max(1, row.reduce((a, b) => a + b, 0));
    return h("td", { class: "n", style: `--s:${Math.round(100 * share)}%`, title: `${names[i]} called ${names[j]}: ${count} (${(100 * share).toFixed(1)} %)` }, count || "");
  };
  return h("details", {}, h("summary", {}, "Confusion matrix"),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Confusion matrix" },
      h("table", { class: "matrix" }, h("caption", {}, "Test pixels of the winner's trainings: a row is a class in truth, a column what it was called"),
        h("thead", {}, h("tr", {}, h("td"), names.map((name, j) => h("th", { scope: "col", title: name }, h("span", {}, name))))),
        h("tbody", {}, confusion.map((row, i) => h("tr", {}, h("th", { scope: "row" }, names[i]), row.map((count, j) => cell(count, row, i, j))))))));
}

function search({ trials, rungs, objective }, colours) {
  return [
    chart(againstCompute(trials, objective, colours)),
    h("div", { class: "grid" }, [...colours].map(([family, colour]) => learningCurves(trials, family, colour, rungs, objective)).filter(Boolean).map(chart)),
  ];
}

/** What `chart` draws of all trials: last scores, and the best so far. */
export function againstCompute(trials, objective, colours) {
  let best = -Infinity;
  const line = [];
  for (const trial of trials) {
    const last = trial.scores.at(-1);
    if (trial.state === "completed" && last > best) best = last;
    if (best > -Infinity) line.push([trial.spent, best]);
  }
  const dots = (states, hollow) => [...colours].map(([family, colour]) => ({
    label: family, colour, mark: 7, hollow, unnamed: hollow,
    points: trials.filter((t) => t.family === family && t.scores.length && states(t.state)).map((t) => [t.spent, t.scores.at(-1)]),
  }));
  return {
    title: `Validation ${objective} against compute (full: completed, hollow: stopped early)`, height: 340,
    series: [...dots((s) => s === "completed", false), ...dots((s) => s !== "completed", true),
      { label: "best so far", colour: "#888888", line: true, step: true, points: line }],
    x: { label: "training time of all trials so far, s" }, y: { label: `${objective}, %` },
  };
}

/** What `chart` draws of a family's trials over their epochs; null if none has two. */
export function learningCurves(trials, family, colour, rungs, objective) {
  const curves = trials.filter((trial) => trial.family === family && trial.epochs.length > 1);
  return curves.length ? { title: `${family}, ${curves.length === 1 ? "1 trial" : `${curves.length} trials`}`, height: 180,
    series: curves.slice(0, 60).map((trial) => ({ label: trial.id, unnamed: true, colour, line: true, faint: true, points: trial.epochs.map((epoch, i) => [epoch, trial.scores[i]]) })),
    x: { label: "epoch (dotted: rungs)", marks: rungs }, y: { label: objective } } : null;
}

export function mattered({ importance, trials, objective }, colours) {
  const names = Object.keys(importance);
  if (!names.length) return null;
  const slices = h("div", { class: "grid" });
  const choose = (family) => slices.replaceChildren(...Object.keys(importance[family]).slice(0, 6).map((name) => slice(trials, family, name, objective, colours.get(family))).filter(Boolean));
  choose(names[0]);
  return [
    h("p", {}, "Share of the variance of a family's scores that each hyperparameter explains (fANOVA), among completed trials, of many an even part."),
    h("div", { class: "grid" }, names.map((family) => bars({ title: family, rows: Object.entries(importance[family]).slice(0, 8).map(([label, share]) => ({ label, value: 100 * share })) }))),
    h("label", {}, "Scores by hyperparameter of ", h("select", { onchange: (event) => choose(event.target.value) }, names.map((name) => h("option", {}, name)))),
    slices,
  ];
}

function slice(trials, family, name, objective, colour) {
  const mine = trials.filter((t) => t.family === family && t.state === "completed" && t.scores.length && t.params[name] != null);
  const numbers = mine.every((t) => typeof t.params[name] === "number");
  if (!numbers) {
    const groups = Map.groupBy ? Map.groupBy(mine, (t) => String(t.params[name])) : new Map();
    const rows = [...groups].map(([label, of]) => ({ label, value: Math.max(...of.map((t) => t.scores.at(-1))), note: `best of ${of.length}` }));
    return rows.length ? bars({ title: name, rows }) : null;
  }
  const values = mine.map((t) => t.params[name]);
  const log = Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > 20;
  return chart({ title: name, height: 180, series: [{ label: family, unnamed: true, colour, mark: 7, points: mine.map((t) => [t.params[name], t.scores.at(-1)]) }],
    x: { label: name, log }, y: { label: `${objective}, %` } });
}

function trials({ trials, objective }) {
  return table({
    caption: "Trials, in the order of their proposals",
    rows: trials,
    filters: [{ label: "Family", of: (row) => row.family }, { label: "State", of: (row) => row.state }],
    columns: [
      { key: "id", label: "trial", text: (row) => row.id },
      { key: "family", label: "family", text: (row) => row.family },
      { key: "state", label: "state", text: (row) => row.state },
      { key: "origin", label: "from", title: "where its config comes from", text: (row) => row.origin },
      { key: "epochs", label: "epochs", numeric: true, sort: (row) => row.epochs.at(-1), text: (row) => row.epochs.at(-1) ?? "" },
      { key: "score", label: objective, title: "on validation, at its last epoch", numeric: true, sort: (row) => row.scores.at(-1), text: (row) => number(row.scores.at(-1)) },
      { key: "parameters", label: "parameters", numeric: true, sort: (row) => row.parameters, text: (row) => short(row.parameters) },
    ],
    detail: (row) => h("div", {}, row.error ? h("p", {}, row.error) : null, h("pre", {}, JSON.stringify(row.params, null, 2))),
  });
}

export function reproduce(said) {
  const { command, "run.yaml": yaml, versions, ...rest } = said;
  return [
    h("pre", { tabindex: "0" }, command),
    h("dl", {}, Object.entries(rest).filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    yaml ? h("details", {}, h("summary", {}, "run.yaml"), h("pre", {}, yaml)) : null,
    h("details", {}, h("summary", {}, "Versions"), h("dl", {}, Object.entries(versions).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]))),
  ].filter(Boolean);
}
