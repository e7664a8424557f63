// What the tests of the console stand on: an administrator who was set up as the first start offers it, with a passkey.

import assert from "node:assert/strict";

import { Stage, authenticator, signInByPassword } from "./stage.mjs";

const ROOT = { username: "root", password: "root keeps a long secret 7" };

export class ConsoleStage extends Stage {
  static async raise(settings) {
    const raised = await super.raise(settings);
    const stage = Object.assign(new ConsoleStage(), raised);
    try {
      stage.admin = await stage.setUp();
    } catch (error) {
      await stage.strike();
      throw error;
    }
    return stage;
  }

  /** From the link of the first start to the console, as the first administrator goes. */
  async setUp() {
    const link = /\S+\/admin\/setup#\S+/.exec(this.server.log())?.[0].replace(/[",}\s]+$/, "");
    assert.ok(link, "no setup link in the log");
    const page = await this.desktop();
    await authenticator(page);
    await page.goto(link);
    await page.locator("input[name=username]").fill(ROOT.username);
    await page.locator("input[name=password]").fill(ROOT.password);
    await page.locator("form button[type=submit]").click();
    await page.locator("#setup-done a.primary").click();
    await signInByPassword(page, ROOT.username, ROOT.password);
    await page.locator("button#passkey-add").click();
    await page.locator("#passkey-added").waitFor();
    await page.locator("#to-console").click();
    await page.locator("button#passkey").click();
    await ready(page, "Overview");
    return page;
  }

  /** Another member of the staff with these roles, in the console: their page. */
  async colleague(name, roles) {
    const password = this.server.user(name);
    const { items } = (await this.api("GET", `/users?q=${name}`)).body;
    const { etag } = await this.api("GET", `/users/${items[0].id}`);
    await this.api("PUT", `/users/${items[0].id}/roles`, { roles }, { "if-match": etag });
    const page = await this.desktop();
    await authenticator(page);
    await page.goto(`${this.issuer}/login`);
    await signInByPassword(page, name, password);
    await page.locator("#signed-in").waitFor();
    await page.goto(`${this.issuer}/admin`);
    await page.waitForURL("**/login/passkey/new");
    await page.locator("button#passkey-add").click();
    await page.locator("#to-console").click();
    await page.locator("button#passkey").click();
    await page.locator("#menu").waitFor();
    return page;
  }

  /** Asks the API as the console does: the first administrator, or whose page it is. */
  async api(method, path, body, headers = {}, page = this.admin) {
    const answer = await page.evaluate(async ([method, path, body, headers]) => {
      const me = await (await fetch("/api/admin/v1/me")).json();
      const found = await fetch(`/api/admin/v1${path}`, {
        method, headers: { "lb-csrf": me.csrf, "content-type": "application/json", ...headers }, body: body === undefined ? undefined : JSON.stringify(body),
      });
      return { status: found.status, etag: found.headers.get("etag"), body: await found.json().catch(() => null) };
    }, [method, path, body, headers]);
    assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Makes a person and answers their id. */
  async person(username, more = {}) {
    return (await this.api("POST", "/users", { username, ...more })).body.id;
  }

  async open(path, title) {
    await this.admin.goto(`${this.issuer}${path}`);
    await ready(this.admin, title);
    return this.admin;
  }
}

/** Waits until a page of the console with this heading is complete. */
export async function ready(page, title) {
  await page.locator("#page h1", { hasText: title }).waitFor();
  await page.waitForFunction(() => !document.querySelector("#page .waiting, #page [aria-busy]") && document.querySelector("#page .page-body")?.children.length > 0);
}

export const toast = (page, text) => page.locator(".toast", { hasText: text }).first().waitFor();
export const row = (page, text) => page.locator(".rows-table tbody tr", { hasText: text });
/** Closes what is said at the edge, so that it covers nothing. */
export async function quiet(page) {
  for (const box of await page.locator(".toast .icon-button").all()) await box.click({ timeout: 1000 }).catch(() => {});
}
