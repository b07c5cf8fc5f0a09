// A line chart in SVG: one or more lines of values by step, drawn again as they come and as the page's width changes.

const NAMESPACE = "http://www.w3.org/2000/svg";
const MARGIN = { left: 52, right: 10, top: 12, bottom: 26 };

/** @typedef {[step: number, value: number]} Point */

/** @param {string} name @param {Record<string, string | number>} attributes @param {string} [text] */
function make(name, attributes, text) {
  const node = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  if (text !== undefined) node.textContent = text;
  return node;
}

/**
 * Where the axis ends: at zero, or, for values that move little and far from it, right around them.
 *
 * @param {number[]} values
 * @param {boolean} fitted
 * @returns {[number, number]}
 */
export function ends(values, fitted) {
  if (!values.length) return [0, 1];
  let [least, greatest] = [Infinity, -Infinity];
  for (const value of values) [least, greatest] = [Math.min(least, value), Math.max(greatest, value)];
  const [low, high] = [Math.min(0, least), Math.max(0, greatest)];
  if (!fitted) return [low, high > low ? high : low + 1e-6];
  const room = (greatest - least || Math.abs(greatest) || 1) / 10;
  return [least - room, greatest + room];
}

/**
 * A value beside the axis; `distance` is how far it is to the next one.
 *
 * @param {number} value
 * @param {boolean} fitted
 * @param {number} distance
 */
export function short(value, fitted, distance) {
  if (fitted) return value.toFixed(Math.max(0, Math.ceil(-Math.log10(distance))));
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  return String(Number(value.toPrecision(Math.abs(value) < 0.01 ? 2 : 3))); // as wide as the margin at most
}

export class LineChart {
  /**
   * @param {SVGSVGElement} svg
   * @param {string[]} names the metrics whose lines it has, the first one with a solid line
   */
  constructor(svg, names) {
    this.svg = svg;
    /** @type {Map<string, Map<number, number>>} */
    this.lines = new Map(names.map((name) => [name, new Map()])); // step → value: what arrives twice is one point
    this.lastStep = 1;
    this.unit = "step";
    this.due = false;
    new ResizeObserver(() => this.drawSoon()).observe(svg);
    this.drawSoon();
  }

  get empty() {
    return [...this.lines.values()].every((points) => !points.size);
  }

  /** @param {string} name @param {number} step @param {number} value */
  add(name, step, value) {
    this.lines.get(name)?.set(step, value);
    this.drawSoon();
  }

  clear() {
    this.lines.forEach((points) => points.clear());
    this.drawSoon();
  }

  /** @param {number} step */
  setLastStep(step) {
    this.lastStep = step || 1;
    this.drawSoon();
  }

  // Points come in bursts when a page opens on a long run: one drawing a frame is enough.
  drawSoon() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.draw();
    });
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.svg;
    if (!width || !height) return;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`); // a unit is a pixel, so that labels keep their size
    const lines = [...this.lines.values()].map((points) => [...points].sort(([one], [other]) => one - other));
    const values = lines.flat().map(([, value]) => value);
    const fitted = "fitted" in this.svg.dataset;
    const [low, high] = ends(values, fitted);
    const right = lines.reduce((last, points) => Math.max(last, points.at(-1)?.[0] ?? 0), this.lastStep);
    /** @param {number} step */
    const x = (step) => MARGIN.left + (step / right) * (width - MARGIN.left - MARGIN.right);
    /** @param {number} value */
    const y = (value) => height - MARGIN.bottom - ((value - low) / (high - low)) * (height - MARGIN.top - MARGIN.bottom);
    const parts = [];
    for (const share of [0, 0.5, 1]) {
      const value = low + share * (high - low);
      parts.push(make("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) }));
      const label = values.length ? short(value, fitted, (high - low) / 2) : "";
      parts.push(make("text", { class: "tick", x: MARGIN.left - 8, y: y(value) + 4, "text-anchor": "end" }, label));
    }
    parts.push(make("text", { class: "tick", x: MARGIN.left, y: height - 6 }, this.unit === "step" ? "step 0" : "begin"));
    const end = this.unit === "step" ? String(right) : "end";
    parts.push(make("text", { class: "tick", x: width - MARGIN.right, y: height - 6, "text-anchor": "end" }, end));
    lines.forEach((points, place) => {
      const last = points.at(-1);
      if (!last) return;
      const way = points.map(([step, value]) => `${x(step)},${y(value)}`).join(" ");
      parts.push(make("polyline", { class: `line line-${place + 1}`, points: way }));
      const [step, value] = last;
      parts.push(make("circle", { class: `dot dot-${place + 1}`, cx: x(step), cy: y(value), r: 4 }));
    });
    this.svg.replaceChildren(...parts);
  }
}
