// Seconds that a screen was in view: a tab in the background does not count.

export class Stopwatch {
  /**
   * @param {EventTarget & { readonly hidden: boolean }} page
   * @param {() => number} now milliseconds since some moment
   */
  constructor(page = document, now = () => performance.now()) {
    this.page = page;
    this.now = now;
    this.before = 0;
    this.since = page.hidden ? null : now();
    this.listen = () => {
      this.before = this.seconds() * 1000;
      this.since = page.hidden ? null : now();
    };
    page.addEventListener("visibilitychange", this.listen);
  }

  seconds() {
    return (this.before + (this.since === null ? 0 : this.now() - this.since)) / 1000;
  }

  stop() {
    this.page.removeEventListener("visibilitychange", this.listen);
    return this.seconds();
  }
}
