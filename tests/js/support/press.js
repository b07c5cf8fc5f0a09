// A press of a key as a browser tells of it: `held` names the modifiers, `keyCode` is 229 while an input method writes.

export function press(key, code = "", { held = [], keyCode = 0, isComposing = false } = {}) {
  return {
    key,
    code,
    keyCode,
    isComposing,
    shiftKey: held.includes("Shift"),
    ctrlKey: held.includes("Control"),
    altKey: held.includes("Alt"),
    metaKey: held.includes("Meta"),
    getModifierState: (name) => held.includes(name),
  };
}
