// What the scripts ask of a page as they are loaded: its language, its token, for requests, and where Mellow is. Import it
// before them.

export const page = new EventTarget();
page.hidden = false;
page.querySelector = (selector) => ({ getAttribute: () => (selector.includes("root") ? page.root : "token of the page") });
page.root = "";
page.documentElement = { lang: "en" };
globalThis.document = page;
