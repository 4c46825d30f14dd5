/** A scene, as one looks at it before anything runs. */
import { h, prose } from "./report/dom.js";
import { api } from "./api.js";
import { facts } from "./screen.js";

const names = new Map();

/** The name of a scene as an element; an uploaded one is looked up once. Its id, if it is not to be seen. */
export function sceneName(id) {
  const shown = h("span", {}, id);
  if (!/^[0-9a-f]{16}$/.test(id)) return shown;
  if (!names.has(id)) names.set(id, api(`/scenes/${id}`).then(({ name }) => name, () => id));
  names.get(id).then((name) => { shown.textContent = name; });
  return shown;
}

/** Whether a search may be made on it: it has labels, or nobody has looked at it yet. */
export function searchable({ state, height, classes }) {
  return state === "ready" && (!height || classes.length > 0);
}

/** A picture and what the reader found; one of the operator's scenes is read when it is first looked at. */
export function look(scene) {
  if (scene.state !== "ready") return h("p", { class: "help" }, "It has not been checked yet.");
  const { id, name, width, height } = scene;
  const address = `/scenes/${id}/preview.png`;
  const known = h("div", {}, height ? found(scene) : h("p", { class: "help", role: "status" }, "Reading the scene."));
  const later = async () => known.replaceChildren(...found(await api(`/scenes/${id}`)));
  const failed = () => api(address).catch((refused) => known.replaceChildren(h("p", { class: "refused" }, refused.message)));
  return h("div", { class: "look" },
    h("figure", {}, h("img", { src: `/api${address}`, width, height, style: `--ratio:${height ? width / height : 1}`, alt: `${name} in false colour`,
      onload: height ? null : later, onerror: failed }), h("figcaption", {}, "False colour")),
    known);
}

function found({ height, width, bands, classes, notes }) {
  const counted = classes.length && classes.every((one) => one.pixels != null);
  const pixels = classes.reduce((sum, one) => sum + one.pixels, 0);
  const most = Math.max(1, ...classes.map((one) => one.pixels));
  return [
    facts([["size", height ? `${height} × ${width} pixels` : null], ["bands", bands], ["classes", classes.length || null], ["labelled", counted ? `${pixels.toLocaleString("en")} pixels` : null]]),
    notes.length ? h("ul", { class: "notes" }, notes.map((note) => h("li", {}, prose(note)))) : null,
    counted ? h("details", {}, h("summary", {}, "Pixels by class"),
      h("table", { class: "bars" }, h("tbody", {}, classes.map((one) => h("tr", {}, h("th", { scope: "row" }, one.name),
        h("td", { class: "bar" }, h("span", { style: `--w:${(100 * one.pixels) / most}%` })), h("td", { class: "n" }, one.pixels.toLocaleString("en"))))))) : null,
  ].filter(Boolean);
}
