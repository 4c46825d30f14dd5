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
};

export function downloads(run) {
  const link = (name, address, meaning) => h("li", {}, h("a", { href: address, download: name }, name), " ", coded(meaning));
  const links = run.artifacts.map((name) => link(name, `/api/runs/${run.id}/artifacts/${name}`, MEANING[name] ?? ""));
  const board = run.kind === "search" && links.length ? [link("leaderboard.parquet", `/api/runs/${run.id}/leaderboard.parquet`, "every row, for pandas")] : [];
  return links.length ? h("ul", { class: "downloads" }, links, board) : null;
}
