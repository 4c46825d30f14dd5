/** Elements, made of text and never of markup. */

/** h("td", { class: "n" }, "12"): an element with attributes, `on...` listeners, and children (nodes or text). */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") element.style.cssText = value; // the attribute is refused under a strict content policy
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

/** A number as people read it: `digits` after the point, nothing for null. */
export function number(value, digits = 2) {
  return value == null ? "" : value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** 12345678 -> "12.3 M". */
export function short(value) {
  if (value == null) return "";
  for (const [size, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (value >= size) return `${(value / size).toPrecision(3)} ${unit}`;
  }
  return String(Number(value.toPrecision(3)));
}

/** A sentence of the console, as nodes: what stands in backticks is code, "+-" is one sign, and it begins with a capital. */
export function prose(sentence) {
  const text = sentence.replaceAll("+-", "±");
  const parts = (text.startsWith("`") ? text : text[0].toUpperCase() + text.slice(1)).split("`");
  return parts.map((part, i) => (i % 2 ? h("code", {}, part) : part));
}

/** A section with its heading; empty content makes no section. */
export function section(title, ...content) {
  const kept = content.flat().filter((one) => one != null);
  if (!kept.length) return null;
  const id = title.toLowerCase().replace(/[^a-z]+/g, "-");
  return h("section", { "aria-labelledby": id }, h("h2", { id }, title), ...kept);
}
