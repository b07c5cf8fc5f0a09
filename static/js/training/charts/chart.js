// One chart: lines of values by step, drawn by uPlot, with what stands around it in its figure (templates/training/charts.html).

import { all, make, one } from "../../shared/dom.js";
import { count } from "../../shared/text.js";
import { gettext, ngettext } from "../../shared/words.js";
import { written } from "../run/run_words.js";
import { picture, save } from "./download.js";
import { drawMarks } from "./marks.js";
import { DASHES, options } from "./options.js";
import { csv, joined, lastUpTo, smoothed } from "./points.js";
import { listenToTouch } from "./touch.js";

/** @import { Charts } from "./charts.js" */
/** @import { Point } from "./points.js" */
/** @typedef {{ step: number, name: string }} Mark a checkpoint, or with a name the publication of a version */
/** @typedef {{ name: string, number: number, output: HTMLOutputElement, points: Map<number, number> }} Line */

export class Chart {
  /** @param {HTMLElement} figure @param {Charts} charts all charts of the page, which share crosshair, zoom and smoothing */
  constructor(figure, charts) {
    this.figure = figure;
    this.charts = charts;
    this.plot = one(figure, ".plot", HTMLElement);
    this.title = one(figure, ".chart-title", HTMLElement).textContent ?? "";
    this.metric = figure.dataset.metric ?? "";
    /** @type {Map<string, Line>} */
    this.lines = new Map(all(figure, "output[data-line]", HTMLOutputElement).map((output) => {
      const { line = "", name = "", number = "1" } = output.dataset;
      return [line, { name, number: Number(number), output, points: new Map() }];
    }));
    /** @type {Mark[]} */
    this.marks = [];
    this.log = false;
    this.due = false;
    this.unit = "step";
    this.last = 1;
    /** @type {{ steps: number[], raw: (number | null)[][], smooth: (number | null)[][] }} */
    this.drawn = { steps: [], raw: [], smooth: [] };
    /** @type {uPlot | null} */
    this.uplot = null;
    this.whole = one(figure, "[data-whole]", HTMLButtonElement);
    this.logs = one(figure, "[data-log]", HTMLButtonElement);
    this.table = one(figure, "details", HTMLDetailsElement);
    this.listen();
  }

  get empty() {
    return [...this.lines.values()].every(({ points }) => !points.size);
  }

  /** Where the whole run ends. */
  get end() {
    return Math.max(this.last, this.drawn.steps.at(-1) ?? 1);
  }

  get fitted() {
    return "fitted" in this.figure.dataset;
  }

  listen() {
    this.whole.addEventListener("click", () => this.charts.whole());
    this.logs.addEventListener("click", () => {
      this.log = !this.log;
      this.logs.setAttribute("aria-pressed", String(this.log));
      this.build();
    });
    one(this.figure, "[data-csv]", HTMLButtonElement).addEventListener("click", () => this.saveValues());
    one(this.figure, "[data-png]", HTMLButtonElement).addEventListener("click", () => this.savePicture());
    this.table.addEventListener("toggle", () => this.fillTable());
    listenToTouch(this);
    new ResizeObserver(() => this.resize()).observe(this.plot);
  }

  /** @param {string} line @param {number} step @param {number} value */
  add(line, step, value) {
    this.lines.get(line)?.points.set(step, value);
    this.drawSoon();
  }

  clear() {
    this.lines.forEach(({ points }) => points.clear());
    this.drawSoon();
  }

  // Points come in bursts: one drawing a frame is enough.
  drawSoon() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.draw();
    });
  }

  draw() {
    const lines = [...this.lines.values()].map(({ points }) => /** @type {Point[]} */ ([...points].sort(([one], [other]) => one - other)));
    const strength = this.charts.smoothing;
    const smooth = lines.map((points) => {
      const values = smoothed(points.map(([, value]) => value), strength);
      return /** @type {Point[]} */ (points.map(([step], place) => [step, values[place]]));
    });
    const { steps, columns } = joined(lines);
    this.drawn = { steps, raw: columns, smooth: joined(smooth).columns };
    if (!this.uplot) this.build();
    else this.uplot.setData(this.data(), false);
    this.logs.disabled = !columns.flat().some((value) => value !== null && value > 0);
    this.scale();
    this.point();
    this.tell(this.uplot?.cursor.idx ?? null);
    this.describe();
    this.fillTable();
  }

  /** What uPlot draws: raw values, hidden without smoothing, then the smoothed ones; a log scale has no place for zero. */
  data() {
    const { steps, raw, smooth } = this.drawn;
    const shown = (/** @type {(number | null)[]} */ column) => (this.log ? column.map((value) => (value !== null && value > 0 ? value : null)) : column);
    return [steps, ...raw.map((column) => (this.charts.smoothing ? shown(column) : column.map(() => null))), ...smooth.map(shown)];
  }

  build() {
    this.uplot?.destroy();
    this.uplot = null;
    const { clientWidth: width, clientHeight: height } = this.plot;
    if (this.empty || !width) return;
    this.uplot = new window.uPlot(options(this, { width, height }), this.data(), this.plot);
    this.scale();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.plot;
    if (!this.uplot) this.drawSoon();
    else if (width) this.uplot.setSize({ width, height });
  }

  /** Shows the part that is zoomed to, or else the whole run. */
  scale() {
    this.uplot?.setScale("x", this.charts.zoom ?? { min: 0, max: this.end });
    this.whole.hidden = !this.charts.zoom;
  }

  /** Leaves the crosshair where it is; uPlot would look for its row only when it moves. */
  point() {
    const { left = -1 } = this.uplot?.cursor ?? {};
    if (left >= 0) this.uplot?.setCursor({ left, top: 0 });
  }

  /** @param {uPlot} uplot */
  drawMarks(uplot) {
    drawMarks(uplot, this.marks, this.look());
  }

  /**
   * Says the values at a row in the legend, smoothed and as they were; without one, the current smoothed values.
   *
   * @param {number | null} row
   */
  tell(row) {
    const { steps, raw, smooth } = this.drawn;
    [...this.lines.values()].forEach(({ output }, line) => {
      const place = lastUpTo(smooth[line] ?? [], row ?? steps.length);
      const [value, exact] = [smooth[line]?.[place], raw[line]?.[place]];
      const beside = row !== null && this.charts.smoothing && typeof exact === "number" ? ` (${written(exact)})` : "";
      output.textContent = typeof value === "number" ? `${written(value)}${beside}` : "";
    });
    one(this.figure, ".at", HTMLElement).textContent = row === null ? "" : this.where(steps[row]);
  }

  /** @param {number} step */
  where(step) {
    if (this.unit === "step") return gettext("step %(number)s", { number: count(step) });
    return gettext("%(percent)s of the run", { percent: `${Math.round(step * 100)} %` });
  }

  describe() {
    const said = [...this.lines.values()].map(({ name, points, output }) => ngettext(
      "%(name)s: %(num)s value, now %(value)s", "%(name)s: %(num)s values, now %(value)s", points.size, { name, value: output.textContent || gettext("none") },
    ));
    const values = { title: this.title, lines: said.join("; ") };
    this.plot.setAttribute("aria-label", this.unit === "step"
      ? gettext("%(title)s by optimizer step. %(lines)s.", values)
      : gettext("%(title)s by share of the run. %(lines)s.", values));
  }

  fillTable() {
    if (!this.table.open) return;
    const { steps, raw } = this.drawn;
    const rows = steps.map((step, row) => {
      const cells = raw.map((column) => make("td", {}, column[row] === null ? "" : written(column[row])));
      return make("tr", {}, make("th", { scope: "row" }, this.unit === "step" ? String(step) : this.where(step)), ...cells);
    });
    one(this.table, "tbody", HTMLElement).replaceChildren(...rows);
  }

  look() {
    const style = getComputedStyle(this.figure);
    return { text: style.color, grid: style.borderTopColor, ground: style.backgroundColor, font: style.fontFamily };
  }

  /** @param {number} number @returns {string} the colour of a line */
  color(number) {
    return getComputedStyle(one(this.figure, `.swatch-${number}`, HTMLElement)).borderTopColor;
  }

  get file() {
    return `${this.charts.file}-${this.metric.replaceAll(/\W+/g, "-")}`;
  }

  saveValues() {
    const { steps, raw, smooth } = this.drawn;
    const names = [...this.lines.values()].map(({ name }) => name);
    save(`${this.file}.csv`, new Blob([csv(names, steps, raw, smooth)], { type: "text/csv" }));
  }

  async savePicture() {
    if (!this.uplot) return;
    const legend = [...this.lines.values()].map(({ name, number }) => ({ name, color: this.color(number), dash: DASHES[number - 1] }));
    save(`${this.file}.png`, await picture(this.uplot.ctx.canvas, this.title, legend, this.look()));
  }
}
