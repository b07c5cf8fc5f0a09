// What the scripts ask of a page as they are loaded: its token, for requests. Import it before them.

export const page = new EventTarget();
page.hidden = false;
page.querySelector = () => ({ getAttribute: () => "token of the page" });
globalThis.document = page;
