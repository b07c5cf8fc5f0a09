// Elements in one line: found by id or selector as what they are, or made.

/**
 * @template {Element} Kind
 * @typedef {{ new (): Kind, readonly name: string }} Class
 */

/**
 * The element of that id, which the page has.
 *
 * @overload
 * @param {string} id
 * @returns {HTMLElement}
 */
/**
 * @template {Element} Kind
 * @overload
 * @param {string} id
 * @param {Class<Kind>} kind
 * @returns {Kind}
 */
/** @param {string} id @param {Class<Element>} [kind] */
export function element(id, kind = HTMLElement) {
  return must(document.getElementById(id), `#${id}`, kind);
}

/**
 * The first element within that fits the selector, of which there is one.
 *
 * @template {Element} Kind
 * @param {ParentNode} within
 * @param {string} selector
 * @param {Class<Kind>} kind
 */
export const one = (within, selector, kind) => must(within.querySelector(selector), selector, kind);

/**
 * All elements within that fit the selector.
 *
 * @template {Element} Kind
 * @param {ParentNode} within
 * @param {string} selector
 * @param {Class<Kind>} kind
 */
export const all = (within, selector, kind) => [...within.querySelectorAll(selector)].map((found) => must(found, selector, kind));

/**
 * The nearest element around what an event happened to, or to something else, that fits the selector.
 *
 * @param {EventTarget | null} inner
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
export const around = (inner, selector) => (inner instanceof Element ? inner.closest(selector) : null);

/**
 * Whether an event happened where one types.
 *
 * @param {EventTarget | null} target
 */
export const typing = (target) => around(target, "input, textarea, select, [contenteditable]") !== null;

/**
 * @template {Element} Kind
 * @param {Element | null} found
 * @param {string} what
 * @param {Class<Kind>} kind
 */
function must(found, what, kind) {
  if (found instanceof kind) return found;
  throw new Error(`The page has no ${what} that is a ${kind.name}.`);
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | boolean>} [attributes]
 * @param {...(string | Node)} children
 */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "boolean") node.toggleAttribute(name, value);
    else node.setAttribute(name === "className" ? "class" : name, value);
  }
  node.append(...children);
  return node;
}

/**
 * Shows a sentence in its place, and hides the place where there is none. What is read aloud as it changes is touched only then.
 *
 * @param {string} id
 * @param {string | null} [sentence]
 */
export function say(id, sentence) {
  const place = element(id);
  if (place.textContent !== (sentence ?? "")) place.textContent = sentence ?? "";
  place.hidden = !sentence;
}
