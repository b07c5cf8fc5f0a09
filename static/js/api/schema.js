// JSON Schema as the API's description uses it: an example of it, and a list that a person can read.

import { make } from "../shared/dom.js";
import { gettext } from "../shared/words.js";

/** @import { Schema } from "../types" */

/** @type {Record<string, unknown>} */
const EXAMPLES = { text: "You are a stupid idiot", url: "https://example.org/mellow", generation_id: 1, note: "Tried by hand." };
const DEEPEST = 5;
const OR = ` ${gettext("or")} `;

/** @param {string} reference */
const nameOf = (reference) => reference.slice(reference.lastIndexOf("/") + 1);

export class Schemas {
  /** @param {Record<string, Schema>} named */
  constructor(named) {
    this.named = named;
  }

  /** @param {Schema} [schema] @returns {Schema} */
  resolve(schema) {
    return schema?.$ref ? this.named[nameOf(schema.$ref)] ?? {} : schema ?? {};
  }

  /**
   * A value that fits: only what must be there, so that it can be sent as it stands.
   *
   * @param {Schema} [schema]
   * @param {string} [name]
   * @param {number} [depth]
   * @returns {unknown}
   */
  example(schema, name = "", depth = 0) {
    const found = this.resolve(schema);
    if ("default" in found) return found.default;
    if ("const" in found) return found.const;
    if (found.enum) return found.enum[0];
    const choice = found.oneOf ?? found.anyOf;
    if (choice) return this.example(choice[0], name, depth + 1);
    if (found.type === "object" || found.properties) {
      if (depth > DEEPEST) return {};
      const needed = found.required?.length ? found.required : Object.keys(found.properties ?? {}).slice(0, 1);
      return Object.fromEntries(needed.map((key) => [key, this.example(found.properties?.[key], key, depth + 1)]));
    }
    if (found.type === "array") return depth > DEEPEST ? [] : [this.example(found.items, name, depth + 1)];
    if (name in EXAMPLES) return EXAMPLES[name];
    if (found.type === "integer" || found.type === "number") return Math.max(1, found.minimum ?? 1);
    if (found.type === "boolean") return true;
    return EXAMPLES.text;
  }

  /** @param {Schema} [schema] @returns {string} */
  type(schema) {
    const found = this.resolve(schema);
    const choice = found.oneOf ?? found.anyOf;
    if (choice) return choice.map((one) => this.type(one)).join(OR);
    if ("const" in found) return JSON.stringify(found.const);
    if (found.enum) return found.enum.map((one) => JSON.stringify(one)).join(OR);
    if (found.type === "array") return gettext("list of %(kind)s", { kind: this.type(found.items) });
    const name = schema?.$ref && nameOf(schema.$ref);
    const { minimum, maximum, maxLength } = found;
    const bounds = [
      minimum === undefined ? "" : gettext("from %(number)s", { number: minimum }),
      maximum === undefined ? "" : gettext("to %(number)s", { number: maximum }),
      maxLength === undefined ? "" : gettext("at most %(number)s", { number: maxLength }),
    ];
    return [name ?? found.format ?? found.type ?? gettext("anything"), ...bounds].filter(Boolean).join(" ");
  }

  /**
   * The fields of an object as nested lists, or null where there are none.
   *
   * @param {Schema} [schema]
   * @param {number} [depth]
   * @returns {HTMLElement | null}
   */
  outline(schema, depth = 0) {
    const found = this.resolve(schema);
    if (found.type === "array") return this.outline(found.items, depth);
    const choice = (found.oneOf ?? found.anyOf)?.map((one) => this.outline(one, depth)).find(Boolean);
    if (choice) return choice;
    if (!found.properties || depth > 2) return null;
    const list = make("ul", { className: "schema" });
    for (const [name, field] of Object.entries(found.properties)) list.append(this.field(name, field, found, depth));
    return list;
  }

  /** @param {string} name @param {Schema} schema @param {Schema} parent @param {number} depth */
  field(name, schema, parent, depth) {
    const kind = this.type(schema);
    const type = ` ${parent.required?.includes(name) ? kind : gettext("%(kind)s, optional", { kind })}`;
    const meaning = schema.description ?? this.resolve(schema).description;
    const item = make("li", {}, make("code", {}, name), make("span", { className: "type" }, type), meaning ? ` – ${meaning}` : "");
    const inner = this.outline(schema, depth + 1);
    if (inner) item.append(inner);
    return item;
  }
}
