/** The form that brings a scene: its name and options, its files with their progress, and the reader's check. */
import { h } from "./report/dom.js";
import { api, put } from "./api.js";
import { attempt, bytes, button, sayer } from "./screen.js";
import { look, searchable } from "./scene-look.js";
import { config } from "./command.js";
import { settingsForm } from "./settings-form.js";

const OF_SHAPEFILE = { ".shp": "labels", ".shx": "labels_shx", ".dbf": "labels_dbf", ".prj": "labels_prj", ".cpg": "labels_cpg" };
const ROLES = [
  ["cube", "Cube", true, "The image: ENVI binary, GeoTIFF, MATLAB or NumPy."],
  ["header", "Header", false, "The .hdr of an ENVI image."],
  ["labels", "Labels", false, "A label map of the same size, or polygons: GeoJSON, GeoPackage, a shapefile (.shp, .shx, .dbf and .prj together, or zipped). Not needed to predict on the scene."],
  ["labels_header", "Labels' header", false, "The .hdr of labels that are ENVI."],
];

/** settings: those of /api/settings; done(): after a scene is ready. */
export function upload(settings, done) {
  const name = h("input", { id: "scene-name", type: "text", required: true, maxlength: "100", autocomplete: "off" });
  const files = ROLES.map(([role, title, required, help]) => {
    const input = h("input", { id: `file-${role}`, type: "file", required, multiple: role === "labels", "aria-describedby": `file-${role}-help` });
    const bar = h("progress", { max: "1", value: "0", hidden: true, "aria-label": `${title} sent` });
    const size = h("span", { class: "help" });
    input.addEventListener("change", () => {
      size.textContent = input.files[0] ? bytes([...input.files].reduce((sum, file) => sum + file.size, 0)) : "";
      if (role === "cube" && !name.value && input.files[0]) name.value = input.files[0].name.replace(/\.[^.]+$/, "");
    });
    const row = h("div", { class: "field" }, h("label", { for: input.id }, title), input, size, bar, h("p", { class: "help", id: `file-${role}-help` }, help));
    return { role, title, input, bar, row };
  });
  const options = settingsForm(settings.filter((one) => one.group === "Scene"), { title: "How to read the files" });
  const line = sayer();
  const status = h("p", { role: "status" });
  const result = h("div");
  const send = h("button", { class: "main" }, "Upload and check");
  const cancel = button("Cancel", () => running?.abort());
  cancel.hidden = true;
  let running = null;

  async function bring(scene) {
    for (const { role, title, input, bar } of files) {
      for (const file of input.files) {
        const of = input.files.length > 1 ? OF_SHAPEFILE[file.name.toLowerCase().match(/\.[^.]*$/)?.[0]] : role;
        if (!of) throw new Error(`Several files of labels are those of one shapefile; received ${file.name}.`);
        status.textContent = `Sending ${title.toLowerCase()}, ${bytes(file.size)}.`;
        bar.hidden = false;
        running = put(`/scenes/${scene.id}/files/${of}?filename=${encodeURIComponent(file.name)}`, file, (share) => { bar.value = share; });
        await running;
      }
    }
    running = null;
    status.textContent = "Checking: the reader looks at every pixel.";
    return api(`/scenes/${scene.id}/check`, { method: "POST", body: {} });
  }

  async function brought() {
    const scene = await api("/scenes", { method: "POST", body: { name: name.value.trim(), options: config(options.changed()) } });
    try {
      return await bring(scene);
    } catch (refused) {
      await api(`/scenes/${scene.id}`, { method: "DELETE" }).catch(() => {}); // what is left over; the first sentence is the one to show
      throw refused;
    }
  }

  async function submit(event) {
    event.preventDefault();
    result.replaceChildren();
    cancel.hidden = false;
    const scene = await attempt(line, send, brought);
    cancel.hidden = true;
    running = null;
    status.textContent = "";
    files.forEach(({ bar }) => { bar.hidden = true; bar.value = 0; });
    options.mark(line.sentence);
    if (!scene) return;
    form.reset();
    result.replaceChildren(h("h3", {}, `${scene.name} is ready`), look(scene), h("p", { class: "actions" }, searchable(scene) ? h("a", { class: "button main", href: `/runs/new?scene=${scene.id}` }, "New run on it") : null));
    result.scrollIntoView({ block: "nearest" });
    done();
  }

  const form = h("form", { class: "upload", onsubmit: submit },
    h("div", { class: "files" }, files.map(({ row }) => row),
      h("div", { class: "field" }, h("label", { for: name.id }, "Name"), name)),
    options.element, line, status, h("p", { class: "actions" }, send, cancel));
  return h("div", {}, form, result);
}
