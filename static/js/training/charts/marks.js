// What happened at a step: a triangle at the foot of a chart for a checkpoint, a line with its name for a version.

/** @import { Mark } from "./chart.js" */

const TRIANGLE = 5;

/** @param {uPlot} uplot @param {Mark[]} marks @param {{ text: string, font: string }} look */
export function drawMarks(uplot, marks, look) {
  const { ctx: context, bbox } = uplot;
  const scale = devicePixelRatio;
  context.save();
  context.fillStyle = context.strokeStyle = look.text;
  context.font = `${12 * scale}px ${look.font}`;
  context.textBaseline = "top";
  for (const { step, name } of marks) {
    const x = uplot.valToPos(step, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    if (name) drawVersion(context, bbox, x, name, scale);
    else drawCheckpoint(context, x, bbox.top + bbox.height, TRIANGLE * scale);
  }
  context.restore();
}

/** @param {CanvasRenderingContext2D} context @param {number} x @param {number} bottom @param {number} size */
function drawCheckpoint(context, x, bottom, size) {
  context.beginPath();
  context.moveTo(x - size, bottom);
  context.lineTo(x + size, bottom);
  context.lineTo(x, bottom - size * 1.6);
  context.fill();
}

/** @param {CanvasRenderingContext2D} context @param {uPlot["bbox"]} bbox @param {number} x @param {string} name @param {number} scale */
function drawVersion(context, bbox, x, name, scale) {
  context.setLineDash([4 * scale, 4 * scale]);
  context.lineWidth = scale;
  context.beginPath();
  context.moveTo(x, bbox.top);
  context.lineTo(x, bbox.top + bbox.height);
  context.stroke();
  const room = x + context.measureText(name).width + 6 * scale < bbox.left + bbox.width;
  context.textAlign = room ? "left" : "right";
  context.fillText(name, x + (room ? 4 : -4) * scale, bbox.top + 2 * scale);
}
