// CAS for scripts: a service that validates its tickets, and what an app made for the QR module of CAS does by HTTP.

import assert from "node:assert/strict";
import { createServer } from "node:http";

import { freePort } from "./server.mjs";

const FORM = { "content-type": "application/x-www-form-urlencoded" };
const plain = (html) => html.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** Settings of a server that takes such apps. */
export const withApps = (more = {}) => ({ cas: { enabled: true }, cas_qr: { enabled: true, ...more } });

/** A service of CAS: `/in` is where tickets come to; it shows who is there. */
export class Service {
  /** `service`: more of what it is as a service of CAS. `more`: more of its registration. */
  static async start(server, id, { service = {}, ...more } = {}) {
    const site = new this();
    site.server = server;
    site.base = `http://localhost:${await freePort()}`;
    site.address = `${site.base}/in`;
    server.client(id, {
      client_name: `The ${id}`, redirect_uris: [], grant_types: [], response_types: [], token_endpoint_auth_method: "none",
      scope: "", latchbolt_cas_apps: true, latchbolt_cas: { services: [`${site.base}/**`], single_logout: "none", ...service },
      ...more,
    });
    site.http = createServer((request, response) => site.answer(request, response));
    await new Promise((done) => site.http.listen(Number(new URL(site.base).port), "127.0.0.1", done));
    return site;
  }

  async answer(request, response) {
    const url = new URL(request.url, this.base);
    if (url.pathname !== "/in") return response.writeHead(404).end();
    const validated = await this.validate(url.searchParams.get("ticket"));
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
    response.end(`<!doctype html><html lang="en"><title>Service</title><link rel="icon" href="data:,"><h1>Service</h1><pre id="validated">${
      plain(JSON.stringify(validated))}</pre>`);
  }

  /** What the server says of a ticket: `{ user, attributes }`, or its failure. */
  async validate(ticket) {
    const query = new URLSearchParams({ service: this.address, ticket, format: "JSON" });
    const { serviceResponse } = await (await fetch(`${this.server.issuer}/cas/p3/serviceValidate?${query}`)).json();
    return serviceResponse.authenticationSuccess ?? { failure: serviceResponse.authenticationFailure.code };
  }

  /** Where its people sign in. */
  get login() {
    return `${this.server.issuer}/cas/login?${new URLSearchParams({ service: this.address })}`;
  }

  close() {
    this.http.closeAllConnections();
    return new Promise((done) => this.http.close(done));
  }
}

/** Makes a device known, as an operator does. */
export const register = (server, user, device, name = device) =>
  server.command(["device", "add", "--user", user, "--cas-id", device, "--name", name]);

/** An app asks for its token (cas-wire §12.2): the whole answer. */
export const askToken = (issuer, username, password, device) => fetch(`${issuer}/cas/v1/tickets`, {
  method: "POST", headers: FORM,
  body: new URLSearchParams({ username, password, token: "true", QR_AUTHENTICATION_DEVICE_ID: device }),
});

/** The token, for a registered device. */
export async function token(issuer, username, password, device) {
  const answer = await askToken(issuer, username, password, device);
  const text = await answer.text();
  if (answer.status !== 201 || !answer.headers.get("content-type").startsWith("text/plain")) {
    throw new Error(`no token: ${answer.status} ${answer.headers.get("content-type")} ${text}`);
  }
  return text;
}

/** What an app publishes to `/qr/accept`: headers and body. */
export const approval = (channel, device, token) => ({
  destination: "/qr/accept",
  headers: { QR_AUTHENTICATION_CHANNEL_ID: channel, QR_AUTHENTICATION_DEVICE_ID: device },
  body: JSON.stringify({ token }),
});

/** A channel as it stands in the code: nothing but this. */
const CHANNEL = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Opens the panel of the sign-in page with the keyboard and waits for its code. */
export async function openPanel(page) {
  await page.locator("#qrlogin > summary").focus();
  await page.keyboard.press("Enter");
  await panelIs(page, "shown");
}

/** Waits until the panel says this. */
export const panelIs = (page, state) => page.locator(`#qrlogin[data-state="${state}"]`).waitFor();

/** The channel in the code that a page shows, read from its pixels by these eyes; the page says the same. */
export async function channelOn(page, { jsQR, PNG }) {
  await panelIs(page, "shown");
  const code = page.locator("#qrcode");
  await code.scrollIntoViewIfNeeded();
  const picture = PNG.sync.read(await page.screenshot());
  const read = jsQR(new Uint8ClampedArray(picture.data), picture.width, picture.height);
  assert.ok(read, "no QR code can be read from the screen");
  assert.match(read.data, CHANNEL);
  assert.equal(read.data, await page.locator("#qrchannel").inputValue());
  return read.data;
}
