/** What accuracy costs: test OA against parameters and against speed, with the Pareto fronts. */
import { h, short } from "./dom.js";
import { chart, colourOf } from "./plots.js";

const COSTS = [
  { key: "parameters", title: "Test OA against trainable parameters", label: "parameters", better: -1 },
  { key: "pixels_per_second", title: "Test OA against speed", label: "pixels of a map a second", better: 1 },
];

/** The rows of [cost, OA] that no other beats in both; `better`: 1 if a larger cost is better, else -1. Cheapest first. */
export function paretoFront(points, better) {
  let best = -Infinity;
  const sorted = [...points].sort((a, b) => better * (b[0] - a[0]) || b[1] - a[1]);
  return sorted.filter(([, oa]) => oa > best && ((best = oa), true)).map(([cost, oa]) => [cost, oa]);
}

/** Charts of the leaderboard's rows that have both, references left out; null if none has two. */
export function tradeoffs(board) {
  const scored = board.filter((row) => row.test_oa != null && !row.reference);
  const families = [...new Set(scored.map((row) => row.family))].sort();
  const charts = COSTS.map(({ key, title, label, better }) => {
    const point = (row) => [row[key], row.test_oa, row.test_oa_low, row.test_oa_high];
    const rows = scored.filter((row) => row[key] > 0);
    if (new Set(rows.map((row) => row[key])).size < 2) return null;
    const dots = families.map((family, i) => ({ label: family, colour: colourOf(i), mark: 9, points: rows.filter((row) => row.family === family).map(point) }));
    const ends = rows.flatMap((row) => [row.test_oa, row.test_oa_low, row.test_oa_high]).filter((one) => one != null);
    return chart({ title, height: 300, x: { label, log: true, text: short },
      y: { label: "test OA, %", range: [Math.floor(Math.min(...ends)), Math.ceil(Math.max(...ends))] },
      series: [{ label: "front: no other is better in both", colour: "#888888", line: true, dash: [6, 4], points: paretoFront(rows.map(point), better) },
        ...dots.filter((one) => one.points.length)] });
  }).filter(Boolean);
  if (!charts.length) return null;
  return [
    h("p", {}, "Every config that was retrained, with the interval that its test pixels allow. Two whose intervals overlap are not told apart by these figures."),
    h("div", { class: "pair" }, charts),
  ];
}
