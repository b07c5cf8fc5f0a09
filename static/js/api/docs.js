// The page of the API, made of the API's own description: every operation, its shapes, an example, and a way to try it.

import { Schemas } from "./schema.js";
import { Trial } from "./trial.js";
import { all, element, make } from "../shared/dom.js";
import { ngettext } from "../shared/words.js";

/** @import { Description, Operation, Schema } from "../types" */

const JSON_TYPE = "application/json";
const root = element("operations");
// Groups come in this order, the others after them.
/** @type {Record<string, string>} */
const NAMES = { generations: "Screens", judgments: "Judgments", prompts: "Prompts", preferences: "Preferences", "training-runs": "Training runs", versions: "Versions", aliases: "What serves", webhooks: "Webhooks", "webhook-deliveries": "Messages of webhooks", datasets: "Data for initial training", me: "Oneself", tokens: "One's own tokens", openapi: "This description" };

/** @param {string} path */
const firstPart = (path) => path.split("/")[1].replace(/\.\w+$/, "");
const ORDER = Object.keys(NAMES);
/** @param {string} path */
const place = (path) => (firstPart(path) in NAMES ? ORDER.indexOf(firstPart(path)) : ORDER.length);
/** @param {string} path */
const heading = (path) => {
  const first = firstPart(path);
  return NAMES[first] ?? first.charAt(0).toUpperCase() + first.slice(1).replaceAll("-", " ");
};

/** @param {Schemas} schemas @param {string} title @param {string} media @param {Schema} [schema] */
function shape(schemas, title, media, schema) {
  if (!schema) return [];
  /** @type {HTMLElement[]} */
  const parts = [make("h4", {}, `${title} (${media})`), make("p", { className: "hint mb-1" }, schemas.type(schema))];
  const outline = schemas.outline(schema);
  if (outline) parts.push(outline);
  if (media === JSON_TYPE) {
    const example = JSON.stringify(schemas.example(schema), null, 2);
    parts.push(make("details", {}, make("summary", {}, "Example"), make("pre", { className: "log", tabindex: "0" }, example)));
  }
  return parts;
}

/** @param {Schemas} schemas @param {Operation} operation */
function described(schemas, operation) {
  /** @type {HTMLElement[]} */
  const parts = [make("h3", {}, "What it takes and gives")];
  const parameters = operation.parameters ?? [];
  if (parameters.length) {
    const rows = parameters.map((one) => schemas.field(one.name, { ...one.schema, description: one.description }, { required: one.required ? [one.name] : [] }, 3));
    parts.push(make("h4", {}, "Parameters"), make("ul", { className: "schema" }, ...rows));
  }
  for (const [media, content] of Object.entries(operation.requestBody?.content ?? {})) {
    parts.push(...shape(schemas, "Body", media, content.schema));
  }
  const refusals = [];
  for (const [status, reply] of Object.entries(operation.responses)) {
    if (status >= "400") {
      refusals.push(make("li", {}, make("code", {}, status), ` ${reply.description}`));
      continue;
    }
    parts.push(make("h4", {}, `${status}: ${reply.description}`));
    for (const [media, content] of Object.entries(reply.content ?? {})) parts.push(...shape(schemas, "Response", media, content.schema));
  }
  const scopes = (operation.security ?? []).flatMap((one) => one.token);
  if (scopes.length) parts.push(make("p", { className: "hint" }, `A token needs the scope ${scopes.join(" or ")}.`));
  if (refusals.length) parts.push(make("h4", {}, "Refusals"), make("ul", { className: "schema" }, ...refusals));
  return make("div", {}, ...parts);
}

/**
 * One operation. Its inside is made when it is opened for the first time: a page of many operations opens at once.
 *
 * @param {Schemas} schemas
 * @param {string} server
 * @param {string} verb
 * @param {string} path
 * @param {Operation} operation
 */
function operationNode(schemas, server, verb, path, operation) {
  const id = `${verb}${path}`.replace(/\W+/g, "-").replace(/-$/, "");
  const summary = make(
    "summary",
    {},
    make("span", { className: `verb verb-${verb}` }, verb.toUpperCase()),
    make("code", {}, path),
    make("span", { className: "hint" }, operation.summary),
  );
  const node = make("details", { className: "operation", id }, summary);
  node.addEventListener("toggle", () => {
    if (!node.open || node.childElementCount > 1) return;
    const trial = new Trial(schemas, server, verb, path, operation, id);
    node.append(make("div", { className: "operation-body" }, described(schemas, operation), trial.node));
  });
  node.dataset.words = `${verb} ${path} ${operation.summary}`.toLowerCase();
  return node;
}

/** @param {Description} description */
function build(description) {
  const schemas = new Schemas(description.components.schemas);
  /** @type {Map<string, HTMLElement>} */
  const groups = new Map();
  for (const [path, operations] of Object.entries(description.paths).sort(([one], [other]) => place(one) - place(other))) {
    const name = heading(path);
    const group = groups.get(name) ?? make("section", { className: "api-group mb-3" }, make("h2", {}, name));
    groups.set(name, group);
    for (const [verb, operation] of Object.entries(operations)) {
      group.append(operationNode(schemas, description.servers[0].url, verb, path, operation));
    }
  }
  root.replaceChildren(...groups.values());
}

/** @param {string[]} words */
function find(words) {
  let shown = 0;
  for (const group of all(root, ".api-group", HTMLElement)) {
    let any = false;
    for (const node of all(group, ".operation", HTMLElement)) {
      node.hidden = !words.every((word) => node.dataset.words?.includes(word));
      any ||= !node.hidden;
      shown += node.hidden ? 0 : 1;
    }
    group.hidden = !any;
  }
  element("found").textContent = words.length ? ngettext("%(num)s operation", "%(num)s operations", shown) : "";
}

function openNamed() {
  const node = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (node instanceof HTMLDetailsElement) {
    node.open = true;
    node.scrollIntoView();
  }
}

try {
  const answer = await fetch(root.dataset.document ?? "");
  if (!answer.ok) throw new Error(String(answer.status));
  build(await answer.json());
  openNamed();
} catch {
  document.getElementById("loading")?.replaceChildren("The description could not be read. Reload the page to try again.");
}
window.addEventListener("hashchange", openNamed);
const sought = element("find", HTMLInputElement);
sought.addEventListener("input", () => find(sought.value.toLowerCase().split(/\s+/).filter(Boolean)));
