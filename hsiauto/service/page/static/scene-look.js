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

/** A picture and what the reader found. */
export function look(scene) {
  const { id, name, height, width, bands, classes, notes } = scene;
  if (scene.state !== "ready") return h("p", { class: "help" }, "It has not been checked yet.");
  const counted = classes.every((one) => one.pixels != null);
  const pixels = classes.reduce((sum, one) => sum + one.pixels, 0);
  const most = Math.max(1, ...classes.map((one) => one.pixels));
  return h("div", { class: "look" },
    h("figure", {}, h("img", { src: `/api/scenes/${id}/preview.png`, alt: `${name} in false colour`, width, height, style: `--ratio:${width && height ? width / height : 1}` }), h("figcaption", {}, "False colour")),
    h("div", {},
      facts([["size", height ? `${height} × ${width} pixels` : null], ["bands", bands], ["classes", classes.length || null], ["labelled", counted && pixels ? `${pixels.toLocaleString("en")} pixels` : null]]),
      notes.length ? h("ul", { class: "notes" }, notes.map((note) => h("li", {}, prose(note)))) : null,
      counted && classes.length ? h("details", {}, h("summary", {}, "Pixels by class"),
        h("table", { class: "bars" }, h("tbody", {}, classes.map((one) => h("tr", {}, h("th", { scope: "row" }, one.name),
          h("td", { class: "bar" }, h("span", { style: `--w:${(100 * one.pixels) / most}%` })), h("td", { class: "n" }, one.pixels.toLocaleString("en"))))))) : null));
}
