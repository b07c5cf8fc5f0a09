// A chart as a file: its picture with title and legend, or its values.

import { make } from "../../shared/dom.js";

const MARGIN = 16;
const LINE = 22;

/** @typedef {{ name: string, color: string, dash: number[] }} Legend */

/** @param {string} name @param {Blob} content */
export function save(name, content) {
  const address = URL.createObjectURL(content);
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/**
 * A picture of the chart as it stands, on the ground of the page, so that it can be read anywhere.
 *
 * @param {HTMLCanvasElement} drawn
 * @param {string} title
 * @param {Legend[]} legend
 * @param {{ text: string, ground: string, font: string }} look
 * @returns {Promise<Blob>}
 */
export function picture(drawn, title, legend, look) {
  const scale = devicePixelRatio;
  const head = (MARGIN + LINE * 2) * scale;
  const canvas = make("canvas", { width: String(drawn.width + 2 * MARGIN * scale), height: String(drawn.height + head + MARGIN * scale) });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = look.ground;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(drawn, MARGIN * scale, head);
  context.scale(scale, scale);
  context.fillStyle = look.text;
  context.textBaseline = "middle";
  context.font = `600 16px ${look.font}`;
  context.fillText(title, MARGIN, MARGIN + LINE / 2);
  context.font = `13px ${look.font}`;
  drawLegend(context, legend);
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(/** @type {Blob} */ (blob)), "image/png"));
}

/** @param {CanvasRenderingContext2D} context @param {Legend[]} legend */
function drawLegend(context, legend) {
  let left = MARGIN;
  const middle = MARGIN + LINE * 1.5;
  for (const { name, color, dash } of legend) {
    context.strokeStyle = color;
    context.lineWidth = 2.5;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(left, middle);
    context.lineTo(left + 24, middle);
    context.stroke();
    context.fillText(name, left + 30, middle);
    left += 30 + context.measureText(name).width + 18;
  }
}
