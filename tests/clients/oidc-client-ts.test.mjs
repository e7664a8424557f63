// npm `oidc-client-ts` in Chromium: an application that lives in the browser alone, a public client.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, afterEach, before, test } from "node:test";

import { chromium } from "playwright-core";

import { freePort } from "../server.mjs";
import { Ground } from "./ground.mjs";

const library = readFileSync(new URL("node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js", import.meta.url));
let ground;
let browser;
let site;
let http;
let context;
const complaints = [];

before(async () => {
  ground = await Ground.raise();
  site = `http://localhost:${await freePort()}`;
  http = createServer((request, response) => {
    const isScript = request.url === "/oidc.js";
    response.writeHead(200, { "content-type": isScript ? "text/javascript" : "text/html; charset=utf-8" });
    response.end(isScript ? library : '<!doctype html><title>Application</title><link rel="icon" href="data:,"><script src="/oidc.js"></script><h1>Application</h1>');
  });
  await new Promise((done) => http.listen(Number(new URL(site).port), "127.0.0.1", done));
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"],
  });
});

after(async () => {
  await browser?.close();
  http?.closeAllConnections();
  http?.close();
  await ground?.strike();
});

afterEach(async () => {
  await context?.close();
  assert.deepEqual(complaints.splice(0), []);
});

/** A page of the application, with its manager made from these settings. */
async function application(id, metadata = {}, settings = {}) {
  const client = ground.client(id, {
    redirect_uris: [`${site}/callback`, `${site}/silent`], post_logout_redirect_uris: [`${site}/bye`],
    token_endpoint_auth_method: "none", scope: "openid profile email", ...metadata,
  });
  context = await browser.newContext({ locale: "en-GB" });
  context.setDefaultTimeout(20_000);
  const known = {
    authority: ground.issuer, client_id: client.client_id, redirect_uri: `${site}/callback`,
    silent_redirect_uri: `${site}/silent`, post_logout_redirect_uri: `${site}/bye`, scope: client.scope,
    client_secret: client.client_secret, automaticSilentRenew: false, loadUserInfo: true, ...settings,
  };
  await context.addInitScript(({ known, site }) => {
    if (location.origin !== site) return;
    addEventListener("DOMContentLoaded", () => {
      const { dpop, ...rest } = known;
      if (dpop) rest.dpop = { bind_authorization_code: true, store: new oidc.IndexedDbDPoPStore() };
      window.manager = new oidc.UserManager({ ...rest, userStore: new oidc.WebStorageStateStore({ store: localStorage }) });
      window.heard = [];
      for (const event of ["UserSignedOut", "UserSessionChanged", "SilentRenewError"]) {
        window.manager.events[`add${event}`](() => window.heard.push(event));
      }
      if (location.pathname === "/silent") window.manager.signinSilentCallback();
    });
  }, { known, site });
  return open();
}

async function open() {
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (line) => {
    if (/policy|CORS/i.test(line.text())) complaints.push(line.text());
  });
  await page.goto(`${site}/`);
  return page;
}

/** The person signs in and agrees. */
async function typeIn(page) {
  await page.locator("form#login input[name=username]").fill(ground.person.username);
  await page.locator("form#login input[name=password]").fill(ground.person.password);
  await page.locator("button#login-submit").click();
  await page.locator("button#consent-allow").click();
}

/** The person signs in; what the application then knows. */
async function signIn(page) {
  await page.evaluate(() => void window.manager.signinRedirect({ state: { left: "off here" } }));
  await typeIn(page);
  await page.waitForURL(`${site}/callback?**`);
  return page.evaluate(async () => {
    const user = await window.manager.signinCallback();
    return { ...user };
  });
}

const silently = (page) => page.evaluate(async () => {
  const user = await window.manager.signinSilent();
  return { access_token: user.access_token, refresh_token: user.refresh_token, sub: user.profile.sub };
});

const refusal = (page) => page.evaluate(() => window.manager.signinSilent().then(() => "none", ({ error }) => error));

test("signs in, with userinfo, and signs out", async () => {
  const page = await application("spa");
  const user = await signIn(page);
  assert.equal(user.profile.preferred_username, "ada");
  assert.deepEqual(user.state, { left: "off here" });
  await page.evaluate(() => void window.manager.signoutRedirect({ state: "so long" }));
  await page.waitForURL(`${site}/bye?**`);
  assert.equal(await page.evaluate(async () => (await window.manager.signoutCallback()).userState), "so long");
  assert.equal(await refusal(page), "login_required");
});

test("is told that the person has to agree, where nothing assures who it is", async () => {
  const page = await application("spa-frame");
  await signIn(page);
  // RFC 8252 §8.6, SEC-108: consent is never taken for granted with a client that anybody could claim to be.
  assert.equal(await refusal(page), "consent_required");
});

test("renews silently in a frame, where consent is remembered", async () => {
  const page = await application("spa-secret", { token_endpoint_auth_method: "client_secret_post" });
  const user = await signIn(page);
  assert.equal(user.refresh_token, undefined);
  const renewed = await silently(page);
  assert.equal(renewed.sub, user.profile.sub);
  assert.notEqual(renewed.access_token, user.access_token);
});

test("renews silently with a refresh token, and revokes it", async () => {
  const page = await application("spa-refresh", {
    scope: "openid profile email offline_access", grant_types: ["authorization_code", "refresh_token"],
  });
  const user = await signIn(page);
  assert.ok(user.refresh_token);
  const renewed = await silently(page);
  assert.notEqual(renewed.refresh_token, user.refresh_token);
  await page.evaluate(() => window.manager.revokeTokens(["access_token", "refresh_token"]));
  const refused = await fetch(`${ground.issuer}/userinfo`, { headers: { authorization: `Bearer ${renewed.access_token}` } });
  assert.equal(refused.status, 401);
});

test("binds its tokens to a key that never leaves the browser", async () => {
  const page = await application("spa-dpop", {
    scope: "openid profile offline_access", grant_types: ["authorization_code", "refresh_token"], dpop_bound_access_tokens: true,
  }, { dpop: true, loadUserInfo: false });
  const user = await signIn(page);
  assert.equal(user.token_type, "DPoP");
  const renewed = await silently(page);
  assert.notEqual(renewed.access_token, user.access_token);
  const status = await page.evaluate(async (url) => {
    const user = await window.manager.getUser();
    const ask = async (nonce) => fetch(url, {
      headers: { authorization: `DPoP ${user.access_token}`, dpop: await window.manager.dpopProof(url, user, "GET", nonce) },
    });
    const first = await ask();
    return first.status === 401 ? (await ask(first.headers.get("dpop-nonce"))).status : first.status;
  }, `${ground.issuer}/userinfo`);
  assert.equal(status, 200);
});

test("signs in through a window of its own", async () => {
  const page = await application("spa-popup", {}, { popup_redirect_uri: `${site}/callback` });
  const opened = page.waitForEvent("popup");
  await page.evaluate(() => { window.popup = window.manager.signinPopup(); });
  const window = await opened;
  await typeIn(window);
  await window.waitForURL(`${site}/callback?**`);
  await window.evaluate(() => void globalThis.manager.signinPopupCallback());
  assert.equal(await page.evaluate(async () => (await globalThis.popup).profile.preferred_username), "ada");
});

test("hears by the session frame that the person signed out elsewhere", async () => {
  const page = await application("spa-monitor", {}, { monitorSession: true, checkSessionIntervalInSeconds: 1 });
  const user = await signIn(page);
  assert.ok(user.session_state);
  // Unchanged while nothing happens.
  await page.waitForTimeout(2_500);
  assert.deepEqual(await page.evaluate(() => window.heard), []);
  const elsewhere = await context.newPage();
  await elsewhere.goto(`${ground.issuer}/logout`);
  await elsewhere.locator("button#logout-confirm").click();
  await page.waitForFunction(() => window.heard.includes("UserSignedOut"));
});
