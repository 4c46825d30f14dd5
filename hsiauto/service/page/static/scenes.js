/** The scenes that the visitor may see, and the form that brings another. */
import { h } from "./report/dom.js";
import { api } from "./api.js";
import { attempt, badge, button, mayChange, place, runs, sayer, when } from "./screen.js";
import { look, searchable } from "./scene-look.js";
import { serverTable } from "./server-table.js";
import { upload } from "./upload.js";

function detail(scene) {
  const line = sayer();
  const share = button(scene.shared ? "Unshare" : "Share with all", async () => {
    const changed = await attempt(line, share, () => api(`/scenes/${scene.id}`, { method: "PATCH", body: { shared: !scene.shared } }));
    if (!changed) return;
    scene.shared = changed.shared;
    share.textContent = scene.shared ? "Unshare" : "Share with all";
  });
  const remove = button("Delete", async () => {
    if (!confirm(`Delete ${scene.name} and its files?`)) return;
    const gone = await attempt(line, remove, async () => (await api(`/scenes/${scene.id}`, { method: "DELETE" }), true));
    if (gone) {
      block.closest("tr").hidden = true;
      list.turn({});
    }
  }, "danger");
  const own = scene.source === "upload" && mayChange(scene);
  const block = h("div", { class: "opened" }, look(scene), line,
    h("p", { class: "actions" }, runs && searchable(scene) ? h("a", { class: "button main", href: `/runs/new?scene=${scene.id}` }, "New run on it") : null,
      own ? [share, remove] : null));
  return block;
}

const list = serverTable({
  bare: true,
  caption: "Scenes",
  path: "/scenes",
  empty: "No scene yet.",
  detail,
  columns: [
    { key: "name", label: "scene", fixed: true },
    { key: "source", label: "from", fixed: true },
    { key: "state", label: "state", fixed: true, cell: (scene) => badge(scene.state) },
    { key: "size", label: "pixels", fixed: true, numeric: true, cell: (scene) => (scene.height ? `${scene.height} × ${scene.width}` : "") },
    { key: "bands", label: "bands", fixed: true, numeric: true },
    { key: "classes", label: "classes", fixed: true, numeric: true, cell: (scene) => String(scene.classes.length || "") },
    { key: "owner", label: "owner", fixed: true, cell: (scene) => (scene.mine ? (scene.shared ? "you, shared" : "you") : scene.owner || "the operator") },
    { key: "created", label: "created", fixed: true, cell: (scene) => when(scene.created) },
  ],
});
const line = sayer();
const form = h("details", { class: "group" }, h("summary", {}, "Upload a scene"));
place.append(line, ...(runs ? [form] : []), list);
if (runs) {
  attempt(line, null, async () => {
    form.append(upload(await api("/settings"), () => list.turn({})));
  });
}
