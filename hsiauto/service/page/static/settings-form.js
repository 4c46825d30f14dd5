/** Fields made of what /api/settings says, and what was typed into them. */
import { h } from "./report/dom.js";
import { coded } from "./screen.js";

/** fields: of /api/settings. { element, changed() -> [{ setting, value }], mark(sentence) }. */
export function settingsForm(fields, { open = () => false, title = null, special = {}, onchange = null }) {
  const inputs = new Map();
  const only = [];
  const groups = [...new Set(fields.map((one) => one.group))];
  const element = h("div", { class: "settings", oninput: heard, onchange: heard }, groups.map((group) =>
    h("details", { class: "group", open: open(group) }, h("summary", {}, title ?? group),
      h("div", { class: "fields" }, fields.filter((one) => one.group === group).map(row)))));

  function heard() {
    fit();
    onchange?.();
  }

  function row(setting) {
    const id = `set-${setting.field}`;
    const input = special[setting.field]?.(id) ?? control(setting, id);
    inputs.set(setting, input);
    const help = h("p", { class: "help", id: `${id}-help` }, coded(setting.meaning), long(setting) ? ` Default: ${setting.default_words}.` : "");
    const block = h("div", { class: input.type === "checkbox" ? "field tick" : "field" }, input.matches("fieldset") ? h("span", { class: "label" }, setting.field) : h("label", { for: id }, setting.field), input, help);
    if (setting.protocols.length) only.push({ block, setting });
    return block;
  }

  /** Hide what does not act under the chosen protocol. */
  function fit() {
    const protocol = [...inputs].find(([{ field }]) => field === "protocol")?.[1].value;
    for (const { block, setting } of only) block.hidden = Boolean(protocol) && !setting.protocols.includes(protocol);
  }

  /** [{ setting, value }] of what differs from the default. */
  function changed() {
    return [...inputs].flatMap(([setting, input]) => {
      const value = input.value_of ? input.value_of() : read(setting, input);
      return value === undefined || only.some((one) => one.setting === setting && one.block.hidden) || (!setting.default_words && same(value, setting.default)) ? [] : [{ setting, value }];
    });
  }

  /** Mark the fields that stand in backticks in a sentence, and go to the first. */
  function mark(sentence) {
    const named = new Set((sentence.match(/`[^`]+`/g) ?? []).map((one) => one.slice(1, -1).replaceAll("-", "_")));
    let first = null;
    for (const [setting, input] of inputs) {
      const wrong = named.has(setting.field.replaceAll("-", "_"));
      if (wrong) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
      if (wrong) first ??= input;
    }
    if (!first) return;
    first.closest("details").open = true;
    first.focus();
  }
  fit();
  return { element, changed, mark };
}

/** Whether the default in words does not fit into its field. */
function long({ default_words: words, choices }) {
  return words.length > (choices.length ? 0 : 24);
}

function control({ type, choices, default: standard, minimum, maximum, default_words: words }, id) {
  const shared = { id, "aria-describedby": `${id}-help` };
  if (type === "boolean") return h("input", { ...shared, type: "checkbox", checked: standard === true });
  if (choices.length) {
    const unset = words || standard == null; // what holds without it is not one of the choices
    return h("select", shared, unset ? h("option", { value: "", selected: true }, "default") : null,
      choices.map((value) => h("option", { value, selected: !unset && value === standard }, value)));
  }
  if (type === "object") return h("textarea", { ...shared, rows: "2", spellcheck: "false" });
  const bounds = [minimum, maximum].every((bound) => bound != null) ? `${minimum} to ${maximum}` : null;
  return h("input", { ...shared, type: "text", autocomplete: "off", spellcheck: "false", inputmode: type === "integer" || type === "number" ? "decimal" : null,
    title: bounds, placeholder: long({ default_words: words, choices }) ? null : words || standard });
}

/** What stands in a control, as the service takes it: numbers as numbers, `100k` and `30m` as they were typed. */
function read({ type }, input) {
  if (type === "boolean") return input.checked;
  const text = input.value.trim();
  if (!text) return undefined;
  if (type === "object") return text.split("\n").map((line) => line.trim()).filter(Boolean);
  return type === "array" || Number.isNaN(Number(text)) || input.matches("select") ? text : Number(text);
}

function same(value, standard) {
  return String(value) === String(standard ?? "");
}
