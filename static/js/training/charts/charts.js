// All charts of a page: one smoothing, one crosshair, one zoom.

import { all, element } from "../../shared/dom.js";
import { language } from "../../shared/words.js";
import { Chart } from "./chart.js";

/** @import { Mark } from "./chart.js" */

export class Charts {
  /** @param {string} file how the names of downloaded files begin */
  constructor(file) {
    this.file = file;
    const slider = element("smoothing", HTMLInputElement);
    this.smoothing = Number(slider.value);
    /** @type {{ min: number, max: number } | null} */
    this.zoom = null;
    this.charts = all(document, "figure.chart", HTMLElement).map((figure) => new Chart(figure, this));
    slider.addEventListener("input", () => {
      this.smoothing = Number(slider.value);
      element("smoothing-value").textContent = this.smoothing.toLocaleString(language);
      this.each((chart) => chart.drawSoon());
    });
    new MutationObserver(() => this.each((chart) => chart.uplot?.redraw())).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  }

  /** @param {(chart: Chart) => void} act */
  each(act) {
    this.charts.forEach(act);
  }

  /** @param {string} metric */
  of(metric) {
    return this.charts.find((chart) => chart.metric === metric || chart.lines.has(metric));
  }

  /** @param {Mark[]} marks @param {(chart: Chart) => boolean} [which] */
  mark(marks, which = () => true) {
    this.charts.filter(which).forEach((chart) => {
      chart.marks = marks;
      chart.drawSoon();
    });
    element("marks").hidden = !marks.length;
  }

  /** @param {number} place of the crosshair of all charts, as a share of their width */
  point(place) {
    const within = Math.min(1, Math.max(0, place));
    this.each(({ uplot }) => uplot?.setCursor({ left: within * uplot.over.clientWidth, top: 0 }));
  }

  whole() {
    this.zoom = null;
    this.each((chart) => chart.scale());
  }

  /**
   * Shows a part of the run in all charts.
   *
   * @param {{ min: number, max: number }} range
   * @param {number} end of the run
   */
  show({ min, max }, end) {
    this.zoom = min === 0 && max === end ? null : { min, max };
    this.each((chart) => chart.scale());
  }

  /**
   * Takes over what a person has zoomed to in one chart; what charts do because of that is no news.
   *
   * @param {Chart} by
   * @param {{ min?: number, max?: number }} range
   */
  zoomed(by, { min = 0, max = 0 }) {
    const whole = min === 0 && max === by.end;
    if (whole || (this.zoom?.min === min && this.zoom.max === max)) return;
    this.show({ min, max }, by.end);
  }
}
