// Seconds that a screen was in view: a tab in the background does not count.

export class Stopwatch {
  constructor() {
    this.before = 0;
    this.since = document.hidden ? null : performance.now();
    this.listen = () => {
      this.before = this.seconds() * 1000;
      this.since = document.hidden ? null : performance.now();
    };
    document.addEventListener("visibilitychange", this.listen);
  }

  seconds() {
    return (this.before + (this.since === null ? 0 : performance.now() - this.since)) / 1000;
  }

  stop() {
    document.removeEventListener("visibilitychange", this.listen);
    return this.seconds();
  }
}
