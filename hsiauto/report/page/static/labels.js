/** Active learning: accuracy against the labels that were asked for. */
import { h } from "./dom.js";
import { chart, colourOf } from "./plots.js";

/** curves: [{ name, runs: [[[labels, OA in %], ...], ...], mean: [[labels, OA in %], ...] }]; null if there are none. */
export function labelsAskedFor(curves) {
  if (!curves.length) return null;
  return [
    h("p", {}, "Test OA after each cycle of labels: thin, each training; thick, their mean. The last point is the result; no point was chosen by its score."),
    chart({ title: "Test OA against labels", height: 320, x: { label: "labels that the oracle counted" }, y: { label: "test OA, %" },
      series: curves.flatMap(({ name, runs, mean }, i) => [
        ...runs.map((points) => ({ label: name, unnamed: true, colour: colourOf(i), line: true, faint: true, points })),
        { label: name, colour: colourOf(i), line: true, mark: 6, points: mean }]) }),
  ];
}
