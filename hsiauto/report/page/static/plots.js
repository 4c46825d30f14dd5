/** Charts, drawn by uPlot in the page's colours. */
import { h } from "./dom.js";

/** Colours of series: Okabe and Ito's eight, told apart by colour-blind readers, and their darker selves after these. */
const SERIES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#8C6D00",
  "#004E7A", "#8F3F00", "#00644A", "#84476A", "#94660B", "#2F7FA8", "#4D4D4D", "#574400"];

export function colourOf(index) {
  return SERIES[index % SERIES.length];
}

/**
 * One chart. series: [{ label, colour, points: [[x, y]], line, mark, dash, faint }]; bands of an interval: `low`, `high` beside a
 * point as its third and fourth value. x, y: { label, log, range, text(value) at a tick, marks: [x] (dotted lines) }.
 * The figure has `show({ title, series })`, for a chart that grows.
 */
export function chart({ title, series, x, y, height = 280 }) {
  const holder = h("div", { role: "img" });
  const caption = h("figcaption");
  const key = h("ul", { class: "key" });
  const figure = h("figure", { class: "chart" }, caption, holder);
  let data = null;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let plot = null;

  function draw() {
    plot?.destroy();
    const ink = getComputedStyle(document.body).color;
    const grid = dark.matches ? "#ffffff22" : "#00000018";
    const axis = (one) => ({ stroke: ink, grid: { stroke: grid }, ticks: { stroke: grid }, label: one.label, labelSize: 24, font: "12px system-ui", labelFont: "12px system-ui",
      ...(one.text && { values: (u, places) => places.map((place) => (place == null ? "" : one.text(place))) }) });
    plot = new uPlot({
      width: Math.max(260, holder.clientWidth), height,
      legend: { show: false }, cursor: { drag: { x: true, y: true } },
      scales: {
        x: { time: false, distr: x.log ? 3 : 1, range: x.range },
        y: { range: y.range },
      },
      axes: [axis(x), { ...axis(y), size: 56 }],
      series: [{}, ...series.map((one) => ({
        label: one.label, stroke: one.colour, width: one.line ? (one.faint ? 1 : 2) : 0, spanGaps: true, alpha: one.faint ? 0.55 : 1,
        dash: one.dash, paths: one.line ? (one.step ? uPlot.paths.stepped({ align: 1 }) : undefined) : () => null,
        points: { show: Boolean(one.mark), size: one.mark ?? 5, fill: one.hollow ? "transparent" : one.colour, stroke: one.colour },
      }))],
      hooks: { draw: [(u) => { intervals(u, series); marks(u, x.marks ?? [], grid); }] },
    }, data, holder);
  }

  new ResizeObserver(() => requestAnimationFrame(() => {
    if (!plot) draw();
    else if (plot.width !== holder.clientWidth) plot.setSize({ width: Math.max(260, holder.clientWidth), height });
  })).observe(holder);
  dark.addEventListener("change", draw);

  function show(next) {
    ({ title, series } = next);
    caption.textContent = title;
    holder.setAttribute("aria-label", title);
    data = aligned(series);
    key.replaceChildren(...series.filter((one) => one.label && !one.unnamed).map((one) =>
      h("li", {}, h("span", { class: one.line ? "stroke" : one.hollow ? "ring" : "dot", style: `--c:${one.colour}` }), one.label)));
    if (key.childElementCount) figure.append(key);
    else key.remove();
    if (plot) draw();
  }

  show({ title, series });
  return Object.assign(figure, { show });
}

/** The points of all series over the places of any: [xs, values or null, ...]. */
function aligned(series) {
  const xs = [...new Set(series.flatMap((one) => one.points.map((point) => point[0])))].sort((a, b) => a - b);
  const place = new Map(xs.map((value, i) => [value, i]));
  return [xs, ...series.map((one) => {
    const values = new Array(xs.length).fill(null);
    for (const [at, value] of one.points) values[place.get(at)] = value;
    return values;
  })];
}

function intervals(u, series) {
  u.ctx.save();
  u.ctx.lineWidth = 1.5 * devicePixelRatio;
  for (const one of series) {
    u.ctx.strokeStyle = one.colour;
    for (const [at, , low, high] of one.points) {
      if (low == null || high == null) continue;
      const left = u.valToPos(at, "x", true);
      u.ctx.beginPath();
      u.ctx.moveTo(left, u.valToPos(low, "y", true));
      u.ctx.lineTo(left, u.valToPos(high, "y", true));
      u.ctx.stroke();
    }
  }
  u.ctx.restore();
}

function marks(u, places, colour) {
  u.ctx.save();
  u.ctx.strokeStyle = colour;
  u.ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const place of places) {
    const left = u.valToPos(place, "x", true);
    u.ctx.beginPath();
    u.ctx.moveTo(left, u.bbox.top);
    u.ctx.lineTo(left, u.bbox.top + u.bbox.height);
    u.ctx.stroke();
  }
  u.ctx.restore();
}

/** Horizontal bars, as a table is read: [{ label, value (0 to 100), low, high, note }]. */
export function bars({ title, rows, unit = "%" }) {
  return h("figure", { class: "bars" }, h("figcaption", {}, title),
    h("table", {}, h("tbody", {}, rows.map((row) =>
      h("tr", {}, h("th", { scope: "row" }, row.swatch ? h("span", { class: "dot", style: `--c:${row.swatch}` }) : null, row.label),
        h("td", { class: "bar" }, row.value == null ? null : h("span", { style: `--w:${Math.max(0, row.value)}%` }),
          row.low == null ? null : h("i", { style: `--l:${row.low}%;--h:${row.high}%` })),
        h("td", { class: "n" }, row.value == null ? "–" : `${row.value.toFixed(1)} ${unit}`),
        h("td", { class: "note" }, row.note ?? ""))))));
}
