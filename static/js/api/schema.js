// JSON Schema as the API's description uses it: an example of it, and a list that a person can read.

const EXAMPLES = { text: "You are a stupid idiot", url: "https://example.org/mellow", generation_id: 1, note: "Tried by hand." };
const DEEPEST = 5;

export class Schemas {
  constructor(named) {
    this.named = named;
  }

  resolve(schema) {
    return schema?.$ref ? this.named[schema.$ref.split("/").at(-1)] ?? {} : schema ?? {};
  }

  // A value that fits: only what must be there, so that it can be sent as it stands.
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

  type(schema) {
    const found = this.resolve(schema);
    const choice = found.oneOf ?? found.anyOf;
    if (choice) return choice.map((one) => this.type(one)).join(" or ");
    if ("const" in found) return JSON.stringify(found.const);
    if (found.enum) return found.enum.map((one) => JSON.stringify(one)).join(" or ");
    if (found.type === "array") return `list of ${this.type(found.items)}`;
    const name = schema?.$ref?.split("/").at(-1);
    const bounds = [
      ["from", found.minimum],
      ["to", found.maximum],
      ["at most", found.maxLength],
    ].filter(([, value]) => value !== undefined).map(([word, value]) => ` ${word} ${value}`).join("");
    return (name ?? found.format ?? found.type ?? "anything") + bounds;
  }

  // The fields of an object as nested lists, or null where there are none.
  outline(schema, depth = 0) {
    const found = this.resolve(schema);
    if (found.type === "array") return this.outline(found.items, depth);
    const choice = (found.oneOf ?? found.anyOf)?.map((one) => this.outline(one, depth)).find(Boolean);
    if (choice) return choice;
    if (!found.properties || depth > 2) return null;
    const list = document.createElement("ul");
    list.className = "schema";
    for (const [name, field] of Object.entries(found.properties)) list.append(this.field(name, field, found, depth));
    return list;
  }

  field(name, schema, parent, depth) {
    const item = document.createElement("li");
    const code = document.createElement("code");
    code.textContent = name;
    const type = document.createElement("span");
    type.className = "type";
    type.textContent = ` ${this.type(schema)}${parent.required?.includes(name) ? "" : ", optional"}`;
    const meaning = schema.description ?? this.resolve(schema).description;
    item.append(code, type, meaning ? ` – ${meaning}` : "");
    const inner = this.outline(schema, depth + 1);
    if (inner) item.append(inner);
    return item;
  }
}
