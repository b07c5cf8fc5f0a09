// The sentences of the scripts in the language of the page. The catalogue comes with pages that are not in English, and
// is read before any module; what it lacks stays English.

/** @type {Record<string, string | string[]>} */
const catalogue = globalThis.mellowWords ?? {};

export const language = document.documentElement.lang || "en";
const forms = new Intl.PluralRules(language);

/**
 * Says other sentences in the place of some.
 *
 * @param {Record<string, string>} sentences by the English ones whose place they take
 */
export function reword(sentences) {
  Object.assign(catalogue, sentences);
}

/** @typedef {Record<string, string | number>} Values What stands in a sentence for %(name)s. */

/** @param {string} sentence @param {Values} values */
const filled = (sentence, values) =>
  sentence.replace(/%\((\w+)\)[sd]/g, (mark, name) => (name in values ? String(values[name]) : mark));

/**
 * @param {string} sentence
 * @param {Values} [values]
 */
export function gettext(sentence, values = {}) {
  const said = catalogue[sentence];
  return filled(typeof said === "string" ? said : sentence, values);
}

/**
 * The form of a sentence that fits a number, which stands in it as %(num)s.
 *
 * @param {string} one
 * @param {string} several
 * @param {number} number
 * @param {Values} [values]
 */
export function ngettext(one, several, number, values = {}) {
  const said = catalogue[one];
  const singular = forms.select(number) === "one";
  const sentence = Array.isArray(said) ? said[singular ? 0 : said.length - 1] : number === 1 ? one : several;
  return filled(sentence, { num: number.toLocaleString(language), ...values });
}
