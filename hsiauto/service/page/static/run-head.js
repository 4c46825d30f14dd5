/** How a run stands, in a few lines. */
import { h } from "./report/dom.js";
import { badge, facts, percent, seconds, when } from "./screen.js";
import { sceneName } from "./scene-look.js";
import { goesOn } from "./states.js";

function bar({ trials, budget, reevaluations, refits, phase, seconds: took }, on) {
  const trained = [[reevaluations, "re-evaluation"], [refits, "refit"]].map(([n, what]) => n && `${n} ${what}${n === 1 ? "" : "s"}`);
  const text = [on ? phase : null, `${trials} of ${budget} trials`, ...trained, took ? seconds(took) : null].filter(Boolean).join(", ");
  return h("div", { class: "progress" }, h("progress", { max: budget, value: trials, "aria-label": "Trials" }), h("span", {}, text));
}

export function head(run, connection) {
  const { progress, winner } = run;
  return h("div", { class: "run-head" },
    h("p", { class: "standing" }, badge(run.state), goesOn(run) ? connection : null, run.reason ? h("span", {}, run.reason) : null),
    run.kind === "search" && run.state !== "queued" && progress.budget ? bar(progress, goesOn(run)) : null,
    facts([
      ["scene", sceneName(run.scene)],
      ["model of", run.config.run ? h("a", { href: `/runs/${run.config.run}` }, "this run") : null],
      ["best on validation", progress.best ? `${progress.best.family}, OA ${percent(progress.best.val_oa)}` : null],
      ["winner on test", winner ? `${winner.family}, OA ${percent(winner.test_oa)}` : null],
      ["owner", run.mine ? `you${run.shared ? ", shared with all" : ""}` : run.owner],
      ["created", when(run.created)],
      ["ended", when(run.ended)],
    ]));
}
