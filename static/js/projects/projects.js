// Suggests the address of a new project while its name is typed, until somebody types another one.

import { element } from "../shared/dom.js";

const name = element("name", HTMLInputElement);
const slug = element("slug", HTMLInputElement);
let suggested = slug.value;

name.addEventListener("input", () => {
  if (slug.value !== suggested) return;
  const plain = name.value.normalize("NFKD").replace(/[^ -~]/g, "").toLowerCase();
  suggested = plain.replace(/[^a-z0-9]+/g, "-").slice(0, slug.maxLength).replace(/^-|-$/g, "");
  slug.value = suggested;
});
