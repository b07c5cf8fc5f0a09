// A line chart in SVG: values by step, drawn again as they come and as the page's width changes.

const NAMESPACE = "http://www.w3.org/2000/svg";
const MARGIN = { left: 52, right: 10, top: 12, bottom: 26 };

function make(name, attributes, text) {
  const node = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

// Where the axis ends: at zero, or, for scores that move little and far from it, right around the values.
function ends(values, fitted) {
  if (!values.length) return [0, 1];
  const [least, greatest] = [Math.min(...values), Math.max(...values)];
  const [low, high] = [Math.min(0, least), Math.max(0, greatest)];
  if (!fitted) return [low, high > low ? high : low + 1e-6];
  const room = (greatest - least || Math.abs(greatest) || 1) / 10;
  return [least - room, greatest + room];
}

function short(value, fitted, distance) {
  if (fitted) return value.toFixed(Math.max(0, Math.ceil(-Math.log10(distance))));
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  return String(Number(value.toPrecision(Math.abs(value) < 0.01 ? 2 : 3))); // as wide as the margin at most
}

export class LineChart {
  constructor(svg) {
    this.svg = svg;
    this.points = new Map(); // step → value: a metric that arrives twice is one point
    this.lastStep = 1;
    this.due = false;
    new ResizeObserver(() => this.drawSoon()).observe(svg);
    this.drawSoon();
  }

  add(step, value) {
    this.points.set(step, value);
    this.drawSoon();
  }

  clear() {
    this.points.clear();
    this.drawSoon();
  }

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
    const points = [...this.points].sort(([one], [other]) => one - other);
    const values = points.map(([, value]) => value);
    const fitted = "fitted" in this.svg.dataset;
    const [low, high] = ends(values, fitted);
    const right = Math.max(this.lastStep, points.at(-1)?.[0] ?? 1);
    const x = (step) => MARGIN.left + (step / right) * (width - MARGIN.left - MARGIN.right);
    const y = (value) => height - MARGIN.bottom - ((value - low) / (high - low)) * (height - MARGIN.top - MARGIN.bottom);
    const parts = [];
    for (const share of [0, 0.5, 1]) {
      const value = low + share * (high - low);
      parts.push(make("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) }));
      const label = values.length ? short(value, fitted, (high - low) / 2) : "";
      parts.push(make("text", { class: "tick", x: MARGIN.left - 8, y: y(value) + 4, "text-anchor": "end" }, label));
    }
    parts.push(make("text", { class: "tick", x: MARGIN.left, y: height - 6 }, "step 0"));
    parts.push(make("text", { class: "tick", x: width - MARGIN.right, y: height - 6, "text-anchor": "end" }, String(right)));
    if (points.length) {
      parts.push(make("polyline", { class: "line", points: points.map(([step, value]) => `${x(step)},${y(value)}`).join(" ") }));
      const [step, value] = points.at(-1);
      parts.push(make("circle", { class: "dot", cx: x(step), cy: y(value), r: 4 }));
    }
    this.svg.replaceChildren(...parts);
  }
}
