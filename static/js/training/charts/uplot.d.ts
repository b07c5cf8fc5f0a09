// uPlot as far as the charts use it. A classic script of the page brings it; only the type checker reads this file.

declare global {
  interface Window {
    uPlot: typeof uPlot;
  }

  namespace uPlot {
    type Data = (number | null)[][];
    interface Options {
      width: number;
      height: number;
      [part: string]: unknown;
    }
  }

  class uPlot {
    constructor(options: uPlot.Options, data: uPlot.Data, parent: HTMLElement);
    /** Where the axes are drawn, in pixels of the canvas. */
    readonly bbox: { left: number; top: number; width: number; height: number };
    /** What lies over the plot, without the axes, and takes clicks. */
    readonly over: HTMLElement;
    readonly ctx: CanvasRenderingContext2D;
    readonly cursor: { idx: number | null; left?: number };
    readonly scales: Record<string, { min?: number; max?: number }>;
    valToPos(value: number, scale: string, canvas?: boolean): number;
    setData(data: uPlot.Data, reset: boolean): void;
    setCursor(place: { left: number; top: number }): void;
    setScale(scale: string, range: { min: number; max: number }): void;
    setSize(size: { width: number; height: number }): void;
    redraw(paths?: boolean): void;
    destroy(): void;
  }
}

export {};
