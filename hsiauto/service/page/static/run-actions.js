/** What one may do with a run: name it, stop it, go on with more, map another scene, share it, delete it. */
import { h } from "./report/dom.js";
import { api } from "./api.js";
import { attempt, button, mayChange, runs, sayer } from "./screen.js";
import { goesOn } from "./states.js";

/** Labelled input of a small form. */
function field(id, label, attributes) {
  return h("label", { for: id }, label, " ", h("input", { id, type: "text", autocomplete: "off", ...attributes }));
}

function resume(run, line) {
  const budget = field("more-budget", "trials in all", { type: "number", min: "1", max: "1000000", value: run.progress.budget });
  const limit = field("more-time", "time limit", { placeholder: "as before" });
  const [trials, time] = [budget, limit].map((one) => one.querySelector("input"));
  const go = h("button", {}, "Resume");
  return h("form", { class: "inline", "aria-label": "Resume", onsubmit: async (event) => {
    event.preventDefault();
    const body = { ...(trials.value ? { budget: Number(trials.value) } : {}), ...(time.value.trim() ? { time_limit: time.value.trim() } : {}) };
    if (await attempt(line, go, () => api(`/runs/${run.id}/resume`, { method: "POST", body }))) location.reload();
  } }, budget, limit, go);
}

function naming(run, line, changed) {
  const name = field("run-name", "name", { required: true, maxlength: "200", value: run.name });
  const go = h("button", {}, "Rename");
  return h("form", { class: "inline", "aria-label": "Rename", onsubmit: async (event) => {
    event.preventDefault();
    const body = { name: name.querySelector("input").value.trim() };
    const next = await attempt(line, go, () => api(`/runs/${run.id}`, { method: "PATCH", body }));
    if (next) changed(next);
  } }, name, go);
}

function predict(run, line) {
  const pick = h("select", { id: "predict-on" });
  const go = h("button", {}, "Map it");
  const form = h("form", { class: "inline", "aria-label": "Map another scene", onsubmit: async (event) => {
    event.preventDefault();
    const made = await attempt(line, go, () => api(`/runs/${run.id}/predict`, { method: "POST", body: { scene: pick.value } }));
    if (made) location.assign(`/runs/${made.id}`);
  } }, h("label", { for: pick.id }, "Map another scene with the winner "), pick, go);
  attempt(line, go, async () => {
    const { items } = await api("/scenes?page_size=200");
    pick.append(...items.filter((scene) => scene.state === "ready").map((scene) => h("option", { value: scene.id }, scene.name)));
  });
  return form;
}

/** Buttons for the run as it stands; `changed(run)` after one of them. */
export function actions(run, changed) {
  const line = sayer();
  const own = mayChange(run);
  const post = (what) => async (event) => {
    const next = await attempt(line, event.target, () => api(`/runs/${run.id}/${what}`, { method: "POST", body: {} }));
    if (next) changed(next);
  };
  const share = button(run.shared ? "Unshare" : "Share with all", async () => {
    const next = await attempt(line, share, () => api(`/runs/${run.id}`, { method: "PATCH", body: { shared: !run.shared } }));
    if (next) changed(next);
  });
  const remove = button("Delete", async () => {
    if (!confirm(`Delete ${run.name} with everything it found?`)) return;
    if (await attempt(line, remove, async () => (await api(`/runs/${run.id}`, { method: "DELETE" }), true))) location.assign("/");
  }, "danger");
  const on = goesOn(run);
  return h("div", { class: "run-actions" },
    h("p", { class: "actions" },
      own && (run.state === "queued" || run.state === "running") ? button("Stop", post("stop"), "danger") : null,
      own ? share : null,
      own && !on ? remove : null),
    own ? naming(run, line, changed) : null,
    own && !on && run.kind === "search" ? resume(run, line) : null,
    runs && run.winner && !on ? predict(run, line) : null,
    line);
}
