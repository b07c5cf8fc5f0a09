// A place where a file is dropped or chosen.

import { element } from "./dom.js";

/**
 * Takes what is dropped onto #drop, chosen in #file, or was chosen there before this script was there.
 *
 * @param {(file: File) => void} take
 */
export function onFile(take) {
  const drop = element("drop");
  const input = element("file", HTMLInputElement);
  /** @param {FileList | null | undefined} files */
  const first = (files) => { if (files?.length) take(files[0]); };
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    first(event.dataTransfer?.files);
  });
  input.addEventListener("change", () => first(input.files));
  first(input.files);
}
