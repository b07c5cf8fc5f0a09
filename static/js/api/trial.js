// "Try it": the request of one operation, filled in by a person, sent with the session of this page, and its answer.

import { send } from "../shared/api.js";
import { make } from "../shared/dom.js";
import { gettext, language } from "../shared/words.js";

/** @import { Schemas } from "./schema.js" */
/** @import { Contents, Operation, Parameter } from "../types" */

const JSON_TYPE = "application/json";
const MOST_SHOWN = 100_000; // characters of an answer
const LONGEST_STREAM_MS = 3_000; // a live stream is shown this long
/** @type {Record<string, string>} */
const SAMPLES = {
  "text/csv": "text\nYou are a stupid idiot\n",
  "text/tab-separated-values": "text\nYou are a stupid idiot\n",
  "application/x-www-form-urlencoded": "method=dpo",
  "application/x-ndjson": '{"text": "You are a stupid idiot"}\n',
};

export class Trial {
  /**
   * @param {Schemas} schemas
   * @param {string} server
   * @param {string} verb
   * @param {string} path
   * @param {Operation} operation
   * @param {string} id of the operation on the page
   */
  constructor(schemas, server, verb, path, operation, id) {
    this.schemas = schemas;
    this.server = server;
    this.verb = verb;
    this.path = path;
    this.id = id;
    this.inputs = (operation.parameters ?? []).map((parameter) => this.parameter(parameter));
    const content = operation.requestBody?.content;
    this.body = content ? this.bodyOf(content) : null;
    this.state = make("p", { className: "hint mb-0", role: "status" });
    this.answer = make("pre", { className: "log", tabindex: "0", "aria-label": gettext("The response"), hidden: true });
    this.button = make("button", { className: "btn btn-primary" }, verb === "get" ? gettext("Send") : gettext("Send: this is the real studio"));
    this.node = make("form", { className: "trial", novalidate: true }, make("h3", {}, gettext("Try it")));
    this.node.append(...this.inputs.map(({ node }) => node), ...(this.body?.rows ?? []), make("div", {}, this.button), this.state, this.answer);
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
  }

  /** @param {string} name @param {string} shown @param {HTMLElement} input @param {string} [hint] */
  labelled(name, shown, input, hint) {
    input.id = `${this.id}-${name}`;
    const label = make("label", { for: input.id, className: "form-label mb-0" }, shown);
    return make("div", {}, label, hint ? make("span", { className: "hint" }, ` ${hint}`) : "", input);
  }

  /** @param {Parameter} parameter */
  parameter({ name, in: place, required, schema }) {
    const options = schema?.enum;
    const input = options
      ? make("select", { className: "form-select" }, ...(required ? [] : [make("option", { value: "" }, gettext("(not sent)"))]), ...options.map((one) => make("option", {}, String(one))))
      : make("input", { className: "form-control", autocomplete: "off", inputmode: schema?.type === "integer" ? "numeric" : "text" });
    if (place === "path" && !options) input.value = "1";
    return { name, place, input, node: this.labelled(name, name, input, required ? "" : gettext("optional")) };
  }

  /** @param {Contents} content */
  bodyOf(content) {
    const types = Object.keys(content);
    const media = make("select", { className: "form-select" }, ...types.map((one) => make("option", {}, one)));
    const text = make("textarea", { className: "form-control", rows: "7", spellcheck: "false" });
    const file = make("input", { className: "form-control", type: "file" });
    const fileRow = this.labelled("file", gettext("file"), file, gettext("in place of the body above"));
    const fill = () => {
      const chosen = media.value;
      text.value = chosen === JSON_TYPE ? JSON.stringify(this.schemas.example(content[chosen].schema), null, 2) : SAMPLES[chosen] ?? "";
      fileRow.hidden = chosen === JSON_TYPE;
      file.value = "";
    };
    media.addEventListener("change", fill);
    fill();
    const rows = [this.labelled("body", gettext("body"), text), fileRow];
    if (types.length > 1) rows.unshift(this.labelled("content type", gettext("content type"), media));
    return { media, text, file, rows };
  }

  url() {
    let path = this.path;
    const query = new URLSearchParams();
    for (const { name, place, input } of this.inputs) {
      const value = input.value.trim();
      if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(value || "0"));
      else if (value) query.set(name, value);
    }
    return `${this.server}${path}${query.size ? `?${query}` : ""}`;
  }

  /** @param {AbortSignal} signal */
  request(signal) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json, */*" };
    const request = { method: this.verb.toUpperCase(), headers, signal };
    if (!this.body) return request;
    const { media, text, file } = this.body;
    const chosen = file.files?.[0];
    if (media.value === "multipart/form-data") {
      const fields = new FormData();
      if (chosen) fields.set("file", chosen);
      return { ...request, body: fields };
    }
    headers["Content-Type"] = media.value;
    return { ...request, body: chosen ?? text.value };
  }

  async send() {
    const stop = new AbortController();
    this.button.disabled = true;
    this.answer.hidden = true;
    this.state.textContent = gettext("Waiting for the response …");
    const began = performance.now();
    try {
      const response = await send(this.url(), this.request(stop.signal));
      const took = Math.round(performance.now() - began);
      const media = response.headers.get("Content-Type")?.split(";")[0] ?? "";
      this.state.textContent = `${response.status} ${response.statusText} · ${media || gettext("no body")} · ${took} ms`;
      this.show(await this.read(response, media, stop));
    } catch {
      this.state.textContent = gettext("Mellow cannot be reached, or the connection broke off.");
    } finally {
      stop.abort();
      this.button.disabled = false;
    }
  }

  /** @param {Response} response @param {string} media @param {AbortController} stop */
  async read(response, media, stop) {
    if (media === "application/x-tar" || media === "application/zip" || media === "application/octet-stream") {
      const size = Number(response.headers.get("Content-Length"));
      const url = this.url();
      if (!size) return gettext("A file, which is not read here. Open %(url)s to download it.", { url });
      const megabytes = (size / 1e6).toLocaleString(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
      return gettext("A file of %(size)s MB, which is not read here. Open %(url)s to download it.", { size: megabytes, url });
    }
    const late = setTimeout(() => stop.abort(), LONGEST_STREAM_MS * (media === "text/event-stream" ? 1 : 20));
    const text = await this.beginning(response);
    clearTimeout(late);
    if (!media.endsWith("json") || text.length >= MOST_SHOWN) return text;
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  }

  /** @param {Response} response */
  async beginning(response) {
    if (!response.body) return "";
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    try {
      while (text.length < MOST_SHOWN) {
        const { done, value } = await reader.read();
        if (done) return text;
        text += value;
      }
      return `${text.slice(0, MOST_SHOWN)}\n${gettext("… (cut here)")}`;
    } catch {
      return `${text}\n${gettext("… (stopped here)")}`;
    }
  }

  /** @param {string} text */
  show(text) {
    this.answer.textContent = text;
    this.answer.hidden = !text;
  }
}
