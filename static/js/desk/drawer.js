// A drawer in the browser's storage, and keys for what lies there.

/**
 * A drawer of one person's in a storage of the browser: what is put in is there after a reload. Where the browser keeps
 * nothing (its storage is full, or forbidden), the drawer lasts as long as the page.
 *
 * @template Value
 */
export class Drawer {
  /** @param {Storage} storage @param {string} name @param {string} person */
  constructor(storage, name, person) {
    this.prefix = `mellow.${name}.${person}.`;
    this.storage = storage;
    /** @type {Map<string, Value>} */
    this.meanwhile = new Map();
  }

  names() {
    const names = new Set(this.meanwhile.keys());
    for (let index = 0; index < this.storage.length; index += 1) {
      const key = this.storage.key(index);
      if (key?.startsWith(this.prefix)) names.add(key.slice(this.prefix.length));
    }
    return [...names].sort();
  }

  /** @param {string} name @returns {Value | null} */
  get(name) {
    const meanwhile = this.meanwhile.get(name);
    if (meanwhile !== undefined) return meanwhile;
    try {
      return JSON.parse(this.storage.getItem(this.prefix + name) ?? "null");
    } catch {
      return null; // somebody else wrote it
    }
  }

  /** @param {string} name @param {Value} value */
  put(name, value) {
    try {
      this.storage.setItem(this.prefix + name, JSON.stringify(value));
      this.meanwhile.delete(name);
    } catch {
      this.meanwhile.set(name, value);
    }
  }

  /** @param {string} name */
  remove(name) {
    this.meanwhile.delete(name);
    this.storage.removeItem(this.prefix + name);
  }
}

// A version 4 UUID. crypto.randomUUID would need HTTPS, which a studio in one's own network may not have.
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
