// A browser of a few lines: cookies, redirects, forms. It goes where its homes are, and stops before others.

import assert from "node:assert/strict";

const ENTITIES = { amp: "&", quot: '"', lt: "<", gt: ">", "#x27": "'", "#39": "'", "#34": '"', "#38": "&", "#60": "<", "#62": ">" };
export const plain = (html) => html.replace(/&(#?\w+);/g, (all, name) => ENTITIES[name] ?? all);

function attributes(tag) {
  const found = {};
  for (const [, name, , value] of tag.matchAll(/\s([a-zA-Z-]+)(="([^"]*)")?/g)) found[name] = plain(value ?? "");
  return found;
}

export class Visitor {
  jar = new Map();

  /** `homes`: origins whose pages it opens. `fetch`: how it asks. `person`: who types at the sign-in page. */
  constructor({ homes, fetch: ask = fetch, person }) {
    this.homes = homes.map((home) => new URL(home).origin);
    this.send = ask;
    this.person = person;
  }

  cookies(at) {
    return [...this.jar.values()]
      .filter(({ path }) => at.pathname === path || at.pathname.startsWith(path.endsWith("/") ? path : `${path}/`))
      .sort((one, other) => other.path.length - one.path.length)
      .map(({ name, value }) => `${name}=${value}`).join("; ");
  }

  async ask(url, options = {}) {
    const at = new URL(url);
    const headers = { accept: "text/html,application/xhtml+xml", ...options.headers };
    const cookie = this.cookies(at);
    if (cookie) headers.cookie = cookie;
    const answer = await this.send(at.href.split("#")[0], { redirect: "manual", ...options, headers });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      const path = /;\s*path=([^;]*)/i.exec(line)?.[1] ?? "/";
      const until = /;\s*expires=([^;]*)/i.exec(line)?.[1];
      const isGone = value === "" || /max-age=(0|-\d+)\b/i.test(line) || (until && Date.parse(until) < Date.now());
      if (isGone) this.jar.delete(`${name} ${path}`);
      else this.jar.set(`${name} ${path}`, { name, value, path });
    }
    return answer;
  }

  /** Goes on until a page, or an address that is nobody's it knows. */
  async follow(url, options) {
    let at = new URL(url);
    let answer = await this.ask(at, options);
    for (let steps = 0; answer.status >= 300 && answer.status < 400; steps += 1) {
      assert.ok(steps < 20, `redirects without end at ${at}`);
      at = new URL(answer.headers.get("location"), at);
      if (!this.homes.includes(at.origin)) return { at, html: "", status: 0 };
      answer = await this.ask(at);
    }
    return { at, html: await answer.text(), status: answer.status, headers: answer.headers };
  }

  /** The form with this id: where it goes, and what it holds. */
  form(page, id) {
    const form = new RegExp(`<form[^>]*id="${id}"[^>]*>([\\s\\S]*?)</form>`).exec(page.html);
    assert.ok(form, `no form#${id} at ${page.at} (${page.status}): ${page.html}`);
    const { action, method = "get" } = attributes(/^<form[^>]*>/.exec(form[0])[0]);
    const fields = [];
    for (const [tag] of form[1].matchAll(/<(?:input|button)[^>]*>/g)) {
      fields.push({ isButton: tag.startsWith("<button"), ...attributes(tag) });
    }
    return { action: new URL(action || page.at, page.at), method, fields };
  }

  /** Sends a form, as a browser does. `values.press` is the id of the button. */
  async submit(page, id, { press, ...values } = {}) {
    const { action, fields } = this.form(page, id);
    const body = new URLSearchParams();
    for (const field of fields) {
      const isSent = field.isButton ? field.id === press : !["checkbox", "radio"].includes(field.type) || "checked" in field;
      if (field.name && isSent) body.append(field.name, field.value ?? (field.type === "checkbox" ? "on" : ""));
    }
    for (const [name, value] of Object.entries(values)) body.set(name, value);
    if (!this.homes.includes(action.origin)) return { at: action, html: "", status: 0, body };
    const site = action.origin === page.at.origin ? "same-origin" : "same-site";
    return this.follow(action, { method: "POST", body, headers: { origin: page.at.origin, "sec-fetch-site": site } });
  }

  /** Follows an address through sign-in and consent to where it leads; a form_post answer is sent on. */
  async signIn(url) {
    let page = await this.follow(url);
    if (/<form[^>]*id="login"/.test(page.html)) {
      const { username, password } = this.person;
      page = await this.submit(page, "login", { username, password });
    }
    if (/<form[^>]*id="consent"/.test(page.html)) page = await this.submit(page, "consent", { press: "consent-allow" });
    if (/<form[^>]*id="response"/.test(page.html)) page = await this.submit(page, "response");
    return page;
  }
}
