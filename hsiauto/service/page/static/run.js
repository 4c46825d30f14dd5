/** A run: how far it is while it goes on, and what it found. */
import { h, section } from "./report/dom.js";
import { labelsAskedFor } from "./report/labels.js";
import { sceneMap } from "./report/map.js";
import { classes, coloursOf, distance, mattered, reproduce, words } from "./report/report.js";
import { tradeoffs } from "./report/tradeoffs.js";
import { api } from "./api.js";
import { board } from "./board.js";
import { downloads } from "./downloads.js";
import { follow } from "./follow.js";
import { bestTrials, progressCharts } from "./progress.js";
import { actions } from "./run-actions.js";
import { head } from "./run-head.js";
import { attempt, copyable, place, repeat, sayer } from "./screen.js";
import { goesOn } from "./states.js";
import { Trials } from "./trials.js";

const REFRESH_MS = 5000;
const DRAW_MS = 1000;
const AFTER_SEARCH = new Set(["reevaluated", "ranked", "refit"]); // the head counts them
const id = place.dataset.id;
const line = sayer();
const connection = h("span", { class: "help" });
const charts = progressCharts();
const blocks = new Map(["head", "command", "actions", "words", "search", "board", "map", "distance", "costs", "labels", "classes", "mattered", "files", "again"].map((name) => [name, h("div")]));
const fill = (name, ...content) => blocks.get(name).replaceChildren(...content.filter(Boolean));
let shown = null;

/** Show how the run stands; what one may be typing into is made anew only with what it says. */
function stand(run) {
  place.querySelector("h1").textContent = run.name;
  document.title = `${run.name} · hsiauto`;
  fill("head", head(run, connection));
  if (run.command !== shown?.command) fill("command", h("details", {}, h("summary", {}, "Command line that does the same"), copyable("Command line", run.command)));
  if (run.state !== shown?.state || run.shared !== shown.shared) fill("actions", actions(run, stand));
  if (String(run.artifacts) !== String(shown?.artifacts)) fill("files", section("Files", downloads(run)));
  shown = run;
}

async function refresh() {
  stand(await api(`/runs/${id}`));
  return !goesOn(shown);
}

/** The trials so far; of a run that has not begun none, and its journal from the first line. */
async function told() {
  try {
    return await api(`/runs/${id}/report?part=search`);
  } catch (refused) {
    if (refused.status !== 409) throw refused;
    return { trials: [], rungs: [], objective: [shown.config.objective ?? "kappa"].flat()[0], line: 0 };
  }
}

/** What there is of a search without a leaderboard. */
function trialsAlone({ trials, rungs, objective }) {
  charts.show(trials, { rungs, objective });
  fill("search", trials.length ? section("Search", charts) : null);
  fill("board", trials.length ? section("Best so far", bestTrials(trials, objective)) : null);
}

function live(report) {
  const trials = new Trials(report);
  const draw = () => trialsAlone({ ...report, trials: trials.spent() });
  let due = null;
  let later = null;
  draw();
  repeat(REFRESH_MS, refresh);
  follow(id, report.line, {
    heard(event) {
      if (trials.add(event)) due ??= setTimeout(() => { due = null; draw(); }, DRAW_MS);
      else if (AFTER_SEARCH.has(event.event)) later ??= setTimeout(() => { later = null; refresh().catch(() => {}); }, DRAW_MS);
    },
    async done(run) {
      clearTimeout(due);
      clearTimeout(later);
      stand(run);
      attempt(line, null, ended);
    },
    told: (sentence) => { connection.textContent = sentence; },
  });
}

async function ended() {
  if (!blocks.get("search").hasChildNodes()) fill("search", h("p", { class: "help", role: "status" }, "Reading what it found."));
  const report = await api(`/runs/${id}/report?part=found`).catch((refused) => {
    if (refused.status !== 409) throw refused;
  });
  if (!report) return trialsAlone(await told());
  fill("search", section("Search", charts));
  charts.show(report.trials, report);
  blocks.get("mattered").before(blocks.get("search"));
  fill("words", section("In words", words(report.words)));
  fill("board", section("Leaderboard", board(id)));
  fill("distance", section("Accuracy against distance", distance(report.distance)));
  fill("costs", section("Accuracy against cost", tradeoffs(report.board)));
  fill("labels", section("Labels asked for", labelsAskedFor(report.labels)));
  fill("classes", section("Classes", classes(report.classes)));
  fill("mattered", section("What mattered", mattered(report, coloursOf(report.trials))));
  fill("again", section("How to do it again", reproduce(report.reproduce)));
  if (shown.artifacts.includes("map.png")) mapWhenSeen();
}

/** The map is megabytes: it is asked for when somebody comes near it. */
function mapWhenSeen() {
  const holder = h("div", { class: "pending" }, "The map is drawn when you come here.");
  fill("map", section("Map", holder));
  new IntersectionObserver(async ([{ isIntersecting }], observer) => {
    if (!isIntersecting) return;
    observer.disconnect();
    const { map } = await api(`/runs/${id}/report?part=map`);
    holder.replaceChildren(map ? await sceneMap(map) : "This run kept no map.");
  }, { rootMargin: "400px" }).observe(holder);
}

place.append(line, ...blocks.values());
attempt(line, null, async () => {
  const over = await refresh();
  if (shown.kind !== "search") return over || repeat(2000, refresh);
  if (over) return ended();
  live(await told());
});
