/** The map of a scene: layers on a canvas, with opacity, zoom, a legend, and what lies under the pointer. */
import { h } from "./dom.js";

const SIDES = ["not used", "may train", "test"];
/** Their colours, as in map.png. */
const USES = [[187, 187, 187, 255], [0, 114, 178, 255], [230, 159, 0, 255]];

async function unpacked(text, kind) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new kind(await new Response(stream).arrayBuffer());
}

function channels(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/**
 * map: { width, height, step, picture, truth, side, classes, confidence, legend: [{ name, colour }] }, and if they are known
 * dissimilarity (100: the border of the model's area) and disagreement (classes that the best models name).
 */
export async function sceneMap(map) {
  const [picture, truth, side, classes, confidence] = await Promise.all([
    unpacked(map.picture, Uint8ClampedArray), unpacked(map.truth, Uint16Array), unpacked(map.side, Uint8Array),
    unpacked(map.classes, Uint16Array), unpacked(map.confidence, Uint8Array)]);
  const [dissimilarity, disagreement] = await Promise.all([map.dissimilarity, map.disagreement].map((one) => one && unpacked(one, Uint8Array)));
  const { width, height } = map;
  const colours = map.legend.map((one) => channels(one.colour));
  const hidden = new Set();

  function layer(paint) {
    const canvas = h("canvas", { width, height });
    const redraw = () => {
      const image = new ImageData(width, height);
      for (let i = 0; i < width * height; i++) {
        const colour = paint(i);
        if (colour) image.data.set(colour, 4 * i);
      }
      canvas.getContext("2d").putImageData(image, 0, 0);
    };
    redraw();
    return { canvas, redraw };
  }
  const ofClass = (k) => (k && !hidden.has(k) ? [...colours[k - 1], 255] : null);
  const layers = [
    { name: "false colour", on: true, opacity: 1, ...layer((i) => picture.subarray(4 * i, 4 * i + 4)) },
    { name: "prediction", on: true, opacity: 1, ...layer((i) => ofClass(classes[i])) },
    { name: "ground truth", on: false, opacity: 1, ...layer((i) => ofClass(truth[i])) },
    { name: "split (blue: may train, orange: test, grey: not used)", on: false, opacity: 1,
      ...layer((i) => (ofClass(truth[i]) ? USES[side[i]] : null)) },
    { name: "errors on test", on: false, opacity: 1,
      ...layer((i) => (side[i] === 2 ? (truth[i] === classes[i] ? [0, 0, 0, 90] : [255, 0, 80, 255]) : null)) },
    { name: "doubt (dark: sure)", on: false, opacity: 1,
      ...layer((i) => (classes[i] ? [255 - confidence[i], Math.round(0.8 * (255 - confidence[i])), 60, 255] : null)) },
    dissimilarity && { name: "unlike training (orange to red: beyond the model's area)", on: false, opacity: 1,
      ...layer((i) => (dissimilarity[i] > 100 ? [230, Math.round(1.03 * (255 - dissimilarity[i])), 0, 255] : classes[i] ? [0, 0, 0, 90] : null)) },
    disagreement && { name: "the best models disagree (blue: two classes, red: three)", on: false, opacity: 1,
      ...layer((i) => [null, [0, 0, 0, 90], [0, 114, 178, 255], [213, 94, 0, 255]][disagreement[i]]) },
  ].filter(Boolean);

  const canvas = h("canvas", { class: "scene", tabindex: "0", role: "img",
    "aria-label": "Map of the scene. Arrow keys move it, plus and minus zoom, 0 shows all of it." });
  const reading = h("p", { role: "status", class: "reading" }, "Point at the map to read it.");
  let zoom = 1, left = 0, top = 0;
  const base = () => canvas.width / width;

  function draw() {
    const pen = canvas.getContext("2d");
    const scale = base() * zoom;
    const most = (size) => size * (1 - 1 / zoom);
    left = Math.min(Math.max(0, left), most(width));
    top = Math.min(Math.max(0, top), most(height));
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.imageSmoothingEnabled = false;
    pen.setTransform(scale, 0, 0, scale, -left * scale, -top * scale);
    for (const one of layers) {
      if (!one.on) continue;
      pen.globalAlpha = one.opacity;
      pen.drawImage(one.canvas, 0, 0);
    }
    pen.globalAlpha = 1;
  }

  function zoomTo(wanted, x = width / 2, y = height / 2) {
    const next = Math.min(Math.max(1, wanted), 32);
    left = x - (x - left) * (zoom / next);
    top = y - (y - top) * (zoom / next);
    zoom = next;
    draw();
  }

  function at(event) {
    const scale = (canvas.clientWidth / width) * zoom;
    const box = canvas.getBoundingClientRect();
    return [left + (event.clientX - box.left) / scale, top + (event.clientY - box.top) / scale];
  }

  canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoomTo(zoom * Math.exp(-event.deltaY / 300), ...at(event)); }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const step = width / zoom / 8;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (moves[event.key]) { left += moves[event.key][0]; top += moves[event.key][1]; draw(); }
    else if (event.key === "+" || event.key === "=") zoomTo(zoom * 1.5, left + width / zoom / 2, top + height / zoom / 2);
    else if (event.key === "-") zoomTo(zoom / 1.5, left + width / zoom / 2, top + height / zoom / 2);
    else if (event.key === "0") zoomTo(1);
    else return;
    event.preventDefault();
  });
  let grip = null;
  canvas.addEventListener("pointerdown", (event) => { grip = at(event); canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointerup", () => { grip = null; });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    if (grip) { left += grip[0] - x; top += grip[1] - y; draw(); return; }
    const [column, row] = [Math.floor(x), Math.floor(y)];
    if (column < 0 || row < 0 || column >= width || row >= height) return;
    const i = row * width + column;
    const name = (k) => (k ? map.legend[k - 1].name : "none");
    reading.textContent = `row ${row * map.step}, column ${column * map.step}: ${name(classes[i])}`
      + (classes[i] ? ` (${(confidence[i] / 2.55).toFixed(0)} %)` : "")
      + (dissimilarity?.[i] > 100 ? "; unlike training" : "")
      + (disagreement?.[i] > 1 ? `; the best models name ${disagreement[i]} classes` : "")
      + (truth[i] ? `; label ${name(truth[i])}, ${SIDES[side[i]]}` : "");
  });

  const holder = h("div", { class: "holder" }, canvas);
  new ResizeObserver(() => requestAnimationFrame(() => {
    const shown = Math.min(holder.clientWidth, Math.max(width, 720));
    canvas.style.width = `${shown}px`;
    canvas.width = Math.round(shown * devicePixelRatio);
    canvas.height = Math.round((shown * devicePixelRatio * height) / width);
    draw();
  })).observe(holder);

  const controls = layers.map((one) =>
    h("div", { class: "layer" },
      h("label", {}, h("input", { type: "checkbox", checked: one.on, onchange: (event) => { one.on = event.target.checked; draw(); } }), one.name),
      h("input", { type: "range", min: "0", max: "100", value: "100", "aria-label": `Opacity of ${one.name}`,
        oninput: (event) => { one.opacity = event.target.value / 100; draw(); } })));
  const legend = h("ul", { class: "legend" }, map.legend.map((one, i) =>
    h("li", {}, h("label", {},
      h("input", { type: "checkbox", checked: true, onchange: (event) => {
        event.target.checked ? hidden.delete(i + 1) : hidden.add(i + 1);
        layers.forEach((layer) => layer.redraw());
        draw();
      } }), h("span", { class: "dot", style: `--c:${one.colour}` }), one.name))));
  return h("div", { class: "map" }, holder, h("div", { class: "side" }, reading,
    h("fieldset", {}, h("legend", {}, "Layers"), controls), h("fieldset", {}, h("legend", {}, "Classes"), legend)));
}
