/** Charts of a search that grow: score against compute, and curves by family. */
import { h, number } from "./report/dom.js";
import { chart } from "./report/plots.js";
import { againstCompute, coloursOf, learningCurves } from "./report/report.js";

/** A block with `show(trials, { rungs, objective })`. */
export function progressCharts() {
  const families = h("div", { class: "grid" });
  const block = h("div", {}, h("p", { class: "help" }, "No trial has reported yet."), families);
  const shown = new Map();

  function draw(name, wanted, where) {
    if (!wanted) return;
    if (shown.has(name)) return shown.get(name).show(wanted);
    const figure = chart(wanted);
    shown.set(name, figure);
    where(figure);
  }

  /** The charts stay, and are drawn anew in place. */
  block.show = (trials, { rungs, objective }) => {
    if (!trials.some((trial) => trial.scores.length)) return;
    const colours = coloursOf(trials);
    draw("", againstCompute(trials, objective, colours), (figure) => block.firstChild.replaceWith(figure));
    for (const [family, colour] of colours) {
      draw(family, learningCurves(trials, family, colour, rungs, objective), (figure) => families.append(figure));
    }
  };
  return block;
}

/** The best trials so far, while there is no leaderboard. */
export function bestTrials(trials, objective) {
  const best = trials.filter((trial) => trial.scores.length).sort((a, b) => b.scores.at(-1) - a.scores.at(-1)).slice(0, 10);
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Best trials so far" },
    h("table", {}, h("caption", {}, "Best trials so far, by their last score on validation, which flatters"),
      h("thead", {}, h("tr", {}, ["trial", "family", "state"].map((name) => h("th", { scope: "col" }, name)), ["epochs", `${objective}, %`].map((name) => h("th", { scope: "col", class: "n" }, name)))),
      h("tbody", {}, best.map((trial) => h("tr", {}, h("th", { scope: "row" }, trial.id), h("td", {}, trial.family), h("td", {}, trial.state),
        h("td", { class: "n" }, trial.epochs.at(-1)), h("td", { class: "n" }, number(trial.scores.at(-1))))))));
}
