// What changed from one text to another, word by word.

// A word with the spaces before it; so the pieces of a text put together are the text.
const pieces = (text) => text.match(/\s*\S+/gu) ?? [];
const same = (one, other) => one.trim().toLowerCase() === other.trim().toLowerCase();

// The longest common subsequence by dynamic programming: texts here have some hundred words at most.
export function differences(before, after) {
  const [old, now] = [pieces(before), pieces(after)];
  const common = Array.from({ length: old.length + 1 }, () => new Uint16Array(now.length + 1));
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = now.length - 1; j >= 0; j -= 1) {
      common[i][j] = same(old[i], now[j]) ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
    }
  }
  const found = [];
  const add = (kind, text) => {
    if (found.at(-1)?.kind === kind) found.at(-1).text += text;
    else found.push({ kind, text });
  };
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && same(old[i], now[j])) {
      add("kept", now[j]);
      i += 1;
      j += 1;
    } else if (j === now.length || (i < old.length && common[i + 1][j] >= common[i][j + 1])) {
      add("removed", old[i]);
      i += 1;
    } else {
      add("added", now[j]);
      j += 1;
    }
  }
  return { changes: found, kept: common[0][0] };
}

const TAGS = { kept: null, removed: "del", added: "ins" };

// The text `after` as nodes and strings, with what it adds to `before` and what it leaves out marked.
export function marked(before, after) {
  return differences(before, after).changes.flatMap(({ kind, text }, place) => {
    // The first word of a text has no space before it, but may come to stand after a word that is gone.
    const apart = place > 0 && !/^\s/u.test(text) ? [" "] : [];
    if (!TAGS[kind]) return [...apart, text];
    const node = document.createElement(TAGS[kind]);
    node.textContent = text;
    return [...apart, node];
  });
}
