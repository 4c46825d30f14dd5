/** The leaderboard of a run, as the service pages it. Accuracies are fractions in it, and % here. */
import { h, number, short } from "./report/dom.js";
import { serverTable } from "./server-table.js";

const share = (value) => (value == null ? "" : number(100 * value));
const accuracy = (key, label, title) => ({ key, label, title, numeric: true, cell: (row) => share(row[key]) });

function interval({ test_oa_low: low, test_oa_high: high }) {
  return low == null ? "" : `${number(100 * low, 1)}–${number(100 * high, 1)}`;
}

function detail(row) {
  return h("div", {}, row.error ? h("p", {}, row.error) : null, h("pre", {}, pretty(row.config)));
}

function pretty(config) {
  return JSON.stringify(typeof config === "string" ? JSON.parse(config) : config, null, 2);
}

export function board(id) {
  return serverTable({
    caption: "Trials, retrainings and baselines; accuracies in %",
    path: `/runs/${id}/leaderboard`,
    sort: "rank",
    empty: "No row yet.",
    filters: [{ key: "kind", label: "Kind", choices: ["trial", "refit", "baseline"] }],
    detail,
    rowClass: (row) => (row.rank === 1 && row.kind === "refit" ? "winner" : row.kind === "baseline" ? "baseline" : null),
    columns: [
      { key: "family", label: "family" },
      { key: "kind", label: "kind" },
      { key: "rank", label: "rank", title: "settled on validation, before a test label was read", numeric: true },
      { key: "trial_id", label: "trial" },
      { key: "state", label: "state" },
      { key: "epochs", label: "epochs", numeric: true },
      accuracy("val_oa", "val. OA", "overall accuracy on validation; it selects, so it flatters"),
      accuracy("val_kappa", "val. kappa", "Cohen's kappa on validation, times 100"),
      accuracy("test_oa", "test OA", "overall accuracy on the sealed test pixels"),
      { key: "test_oa_low", label: "95 %", title: "what so many test pixels allow, were they independent (Wilson)", numeric: true, cell: interval },
      accuracy("test_aa", "test AA", "mean recall over classes"),
      accuracy("test_kappa", "test kappa", "Cohen's kappa, times 100"),
      { key: "parameters", label: "parameters", numeric: true, cell: (row) => short(row.parameters) },
      { key: "fit_seconds", label: "fit s", title: "seconds of training and validation", numeric: true, cell: (row) => short(row.fit_seconds) },
      { key: "predict_pixels_per_second", label: "pixels/s", title: "pixels of a map a second", numeric: true, cell: (row) => short(row.predict_pixels_per_second) },
    ],
  });
}
