/** What every screen has: its place, the visitor's role, a line that speaks up, and facts in people's words. */
import { h, number, prose } from "./report/dom.js";

export const place = document.getElementById("screen");
/** Whether the visitor may start and change things. */
export const runs = place.dataset.role !== "viewer";

/** Whether the visitor may change a run or a scene. */
export function mayChange({ mine }) {
  return place.dataset.role === "admin" || (runs && mine);
}

/** The line of a form or screen that says what went wrong, or what was done; read aloud. */
export function sayer() {
  const line = h("p", { class: "said", role: "alert", hidden: true });
  line.say = (sentence, wrong = true) => {
    line.sentence = sentence;
    line.hidden = !sentence;
    line.classList.toggle("refused", wrong);
    line.replaceChildren(...(sentence ? prose(sentence) : []));
  };
  return line;
}

/** Do it, with the button out of use meanwhile; what is refused, `line` says. Returns undefined if it was. */
export async function attempt(line, button, action) {
  line.say("");
  if (button) button.disabled = true;
  try {
    return await action();
  } catch (error) {
    if (error.name !== "AbortError") line.say(error.message);
  } finally {
    if (button) button.disabled = false;
  }
}

/** What a promise gives; until then the screen says that it is on its way. */
export async function waited(promise) {
  const note = h("p", { class: "help", role: "status" }, "Loading.");
  place.append(note);
  return promise.finally(() => note.remove());
}

/** Text as nodes: what stands in backticks is code. */
export function coded(text) {
  return text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));
}

/** A button; `kind` main or danger. */
export function button(text, onclick, kind = null) {
  return h("button", { type: "button", class: kind, onclick }, text);
}

export function badge(state) {
  return h("span", { class: `state ${state}` }, state);
}

/** 5400 -> "1 h 30 min". */
export function seconds(value) {
  if (value == null) return "";
  if (value < 60) return `${Math.round(value)} s`;
  const minutes = Math.round(value / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function bytes(value) {
  if (value == null) return "";
  for (const [size, unit] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (value >= size) return `${number(value / size, 1)} ${unit}`;
  }
  return `${value} bytes`;
}

/** A time, as it is here; to the reader of the element in full. */
export function when(iso) {
  if (!iso) return "";
  const at = new Date(iso);
  const text = at.toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  return h("time", { datetime: iso, title: at.toLocaleString("en-GB", { dateStyle: "full", timeStyle: "long" }) }, text);
}

/** A fraction as %. */
export function percent(value, digits = 2) {
  return value == null ? "" : `${number(100 * value, digits)} %`;
}

/** Name and value, one below the other; those without a value are left out. */
export function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.filter(([, value]) => value != null && value !== "").map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** Text to copy, with its button. `text` may be set again. */
export function copyable(label, text = "") {
  const shown = h("pre", { tabindex: "0", "aria-label": label }, text);
  const copy = button("Copy", async () => {
    try {
      await navigator.clipboard.writeText(shown.textContent);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(shown); // no clipboard without https: it is selected, for Ctrl-C
      copy.textContent = "Selected";
    }
    setTimeout(() => { copy.textContent = "Copy"; }, 2000);
  });
  return Object.assign(h("div", { class: "copyable" }, shown, copy), { set: (next) => { shown.textContent = next; } });
}

/** Call `again` every `ms` while the page is looked at, until it returns true; what is refused is asked for the next time. */
export function repeat(ms, again) {
  const timer = setInterval(async () => {
    if (!document.hidden && (await again().catch(() => false))) clearInterval(timer);
  }, ms);
}
