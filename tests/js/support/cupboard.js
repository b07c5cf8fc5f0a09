// A browser's storage for tests, which has room for so many characters.

export class Cupboard {
  constructor(room = Infinity) {
    this.room = room;
    this.held = new Map();
  }

  get length() {
    return this.held.size;
  }

  key(index) {
    return [...this.held.keys()][index] ?? null;
  }

  getItem(name) {
    return this.held.get(name) ?? null;
  }

  setItem(name, value) {
    if (value.length > this.room) throw new DOMException("It is full.", "QuotaExceededError");
    this.held.set(name, value);
  }

  removeItem(name) {
    this.held.delete(name);
  }
}
