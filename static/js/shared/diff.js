// Which words of a text are new against another one, and which of the other one's are gone.

const WORDS = /\s+|[\p{L}\p{N}\p{M}'’]+|./gsu;
const MOST_CELLS = 4_000_000;
const segmenter = typeof Intl.Segmenter === "function" ? new Intl.Segmenter(undefined, { granularity: "word" }) : null;

/** @typedef {"same" | "new" | "gone"} Kind in both texts, only in `after`, or only in `before` */
/** @typedef {[kind: Kind, text: string]} Piece */

/** @param {string} text @returns {string[]} */
export function words(text) {
  return segmenter ? [...segmenter.segment(text)].map((part) => part.segment) : (text.match(WORDS) ?? []);
}

/**
 * The two texts in pieces. The words of the longest common subsequence are the same ones; a table of their lengths finds it
 * (Wagner and Fischer, 1974).
 *
 * @param {string} before
 * @param {string} after
 */
export function differences(before, after) {
  const old = words(before);
  const fresh = words(after);
  let head = 0;
  while (head < old.length && head < fresh.length && old[head] === fresh[head]) head += 1;
  let tail = 0;
  const shorter = Math.min(old.length, fresh.length) - head;
  while (tail < shorter && old.at(-1 - tail) === fresh.at(-1 - tail)) tail += 1;
  const middle = align(old.slice(head, old.length - tail), fresh.slice(head, fresh.length - tail));
  return runs([...all("same", fresh.slice(0, head)), ...middle, ...all("same", fresh.slice(fresh.length - tail))]);
}

/** @param {Kind} kind @param {string[]} list @returns {Piece[]} */
const all = (kind, list) => list.map((word) => [kind, word]);

/** @param {string[]} old @param {string[]} fresh */
function align(old, fresh) {
  const wide = fresh.length + 1;
  if ((old.length + 1) * wide > MOST_CELLS) return [...all("gone", old), ...all("new", fresh)];
  const common = new Uint16Array((old.length + 1) * wide); // of what follows (row, column)
  for (let row = old.length - 1; row >= 0; row -= 1) {
    for (let column = fresh.length - 1; column >= 0; column -= 1) {
      common[row * wide + column] = old[row] === fresh[column]
        ? common[(row + 1) * wide + column + 1] + 1
        : Math.max(common[(row + 1) * wide + column], common[row * wide + column + 1]);
    }
  }
  /** @type {Piece[]} */
  const steps = [];
  let row = 0;
  let column = 0;
  while (row < old.length || column < fresh.length) {
    if (row < old.length && column < fresh.length && old[row] === fresh[column]) {
      steps.push(["same", fresh[column]]);
      row += 1;
      column += 1;
    } else if (row < old.length && (column === fresh.length || common[(row + 1) * wide + column] >= common[row * wide + column + 1])) {
      steps.push(["gone", old[row]]);
      row += 1;
    } else {
      steps.push(["new", fresh[column]]);
      column += 1;
    }
  }
  return steps;
}

/**
 * Neighbours of one kind are joined, and a change is first what is gone and then what is new. A lone blank between two
 * changed words belongs to the change: "stupid idiot" → "good person" is one change, not two.
 *
 * @param {Piece[]} steps
 */
function runs(steps) {
  const bridged = steps.map(([kind, word], index) => {
    const within = kind === "same" && !word.trim() && index > 0 && index < steps.length - 1;
    return within && steps[index - 1][0] !== "same" && steps[index + 1][0] !== "same" ? ["both", word] : [kind, word];
  });
  /** @type {Piece[]} */
  const found = [];
  let gone = "";
  let fresh = "";
  const close = () => {
    if (gone) found.push(["gone", gone]);
    if (fresh) found.push(["new", fresh]);
    gone = fresh = "";
  };
  for (const [kind, word] of bridged) {
    if (kind === "same") {
      close();
      const last = found.at(-1);
      if (last?.[0] === "same") last[1] += word;
      else found.push(["same", word]);
    }
    if (kind === "gone" || kind === "both") gone += word;
    if (kind === "new" || kind === "both") fresh += word;
  }
  close();
  return found;
}
