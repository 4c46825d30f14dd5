/** The files that a run left. */
import { h } from "./report/dom.js";
import { coded } from "./screen.js";

const MEANING = {
  "report.html": "the report, one page that needs no network",
  "map.tif": "the map as GeoTIFF, for a GIS",
  "map.tif.aux.xml": "names and colours of its classes: keep it beside the map",
  "map.png": "the map as a picture",
  "search.png": "the search as a picture",
  "distance.png": "accuracy against distance as a picture",
  "bundle.zip": "the model, for `hsiauto predict`",
  "model.onnx": "the model for other programs",
  "leaderboard.parquet": "every row, for pandas",
  "run.yaml": "what was asked for, for `hsiauto search --config`",
  "split.npz": "train, validation and test pixels",
  "refits.jsonl": "what was retrained, with its test scores",
  "journal.jsonl": "everything that the search did",
};

export function downloads(run) {
  const link = (name) => h("li", {}, h("a", { href: `/api/runs/${run.id}/artifacts/${name}`, download: name }, name), " ", coded(MEANING[name] ?? ""));
  return run.artifacts.length ? h("ul", { class: "downloads" }, run.artifacts.map(link)) : null;
}
