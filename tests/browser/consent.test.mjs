// Consent: what is asked for with what will be told, what may be left out, with the keyboard and without scripts.

import assert from "node:assert/strict";
import { createServer } from "node:https";
import { after, afterEach, before, test } from "node:test";

import { PNG } from "pngjs";

import { Authority } from "../clients/authority.mjs";
import { freePort } from "../server.mjs";
import { look } from "./look.mjs";
import { ADA, HOSTILE, Site } from "./site.mjs";
import { DESKTOP, Stage, begin, inside, signInByPassword } from "./stage.mjs";

const SCOPES = "openid profile email phone address offline_access orders:read orders:write";
const FRILLS = { policy_uri: "https://shop.example/privacy", tos_uri: "https://shop.example/terms" };
const GERMAN = { locale: "de-DE" };

let authority;
let pictures;
let fetched = 0;
let stage;
let password;
let shop;
let bare;
let crook;

before(async () => {
  authority = Authority.make();
  const logo = PNG.sync.write(stripes(96));
  pictures = createServer(authority.secure, (request, response) => {
    fetched += 1;
    response.writeHead(request.url === "/logo.png" ? 200 : 404, { "content-type": "image/png" }).end(logo);
  });
  const port = await freePort();
  await new Promise((done) => pictures.listen(port, "127.0.0.1", done));
  stage = await Stage.raise({ outbound: { extra_ca: authority.ca, allow: ["127.0.0.0/8", "::1/128"] } });
  password = stage.server.user("ada", ADA);
  const asks = { latchbolt_skip_consent: false, grant_types: ["authorization_code", "refresh_token"], scope: SCOPES };
  shop = await stage.party("shop", {
    ...asks, ...FRILLS, client_name: "Bread & Roses Bookshop", logo_uri: `https://localhost:${port}/logo.png`,
    latchbolt_optional_scopes: ["phone", "address", "orders:write"],
  }, Site);
  bare = await stage.party("bare", { ...asks, client_name: "Quiet", latchbolt_verified: false }, Site);
  crook = await stage.party("crook", { ...asks, client_name: HOSTILE, latchbolt_verified: false, scope: `${SCOPES} <img/src=x>` }, Site);
});
afterEach(() => stage.assertQuiet());
after(async () => {
  await stage?.strike();
  pictures?.closeAllConnections();
  pictures?.close();
  authority?.close();
});

/** A picture that is no empty square. */
function stripes(side) {
  const png = new PNG({ width: side, height: side });
  for (let at = 0; at < side * side; at += 1) {
    const isDark = (at % side + Math.floor(at / side)) % 24 < 12;
    png.data.set(isDark ? [140, 29, 60, 255] : [255, 236, 220, 255], at * 4);
  }
  return png;
}

/** A new browser, signed in and asked. */
async function asked(party, { scope = SCOPES, query = "", ...options } = {}) {
  const page = await stage.desktop(options);
  await begin(page, party, `?scope=${encodeURIComponent(scope)}${query}`);
  await signInByPassword(page, "ada", password);
  await page.locator("form#consent").waitFor();
  return page;
}

const names = (page, inside) => page.locator(`${inside} [data-scope]`).evaluateAll((all) => all.map((item) => item.dataset.scope));

/** Presses Tab until the focus is there, and fails after thirty. */
async function tabTo(page, selector) {
  for (let tries = 0; tries < 30; tries += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((what) => document.activeElement.matches(what), selector)) return;
  }
  assert.fail(`${selector} is not reached with the keyboard`);
}

test("every value that will be told is shown, what is needed and what may be left out apart", async () => {
  const page = await asked(shop);
  assert.deepEqual(await names(page, "#scopes"), ["openid", "profile", "email", "orders:read"]);
  assert.deepEqual(await names(page, "#optional"), ["address", "phone", "offline_access", "orders:write"]);
  const text = await page.locator("form#consent").innerText();
  for (const value of [ADA.name, "1815-12-10", ADA.website, "ada@mail.example", ADA.phone_number, "12 St James's Square", "orders:read"]) {
    assert.ok(text.includes(value), value);
  }
  assert.equal(await page.locator("#unverified").count(), 0);
  const links = await page.locator("#asker a").evaluateAll((all) => all.map(({ href, rel, target }) => ({ href, rel, target })));
  assert.deepEqual(links, [FRILLS.policy_uri, FRILLS.tos_uri].map((href) => ({ href, rel: "noreferrer noopener", target: "_blank" })));
});

test("what the person leaves out with the keyboard is not granted, and is remembered", async () => {
  const page = await asked(shop);
  await tabTo(page, "input[value=phone]");
  await page.keyboard.press("Space");
  await tabTo(page, "input[value=offline_access]");
  await page.keyboard.press("Space");
  await tabTo(page, "#consent-allow");
  await page.keyboard.press("Enter");
  await inside(page, shop);
  const granted = shop.tokens.scope.split(" ");
  assert.deepEqual([...granted].sort(), ["address", "email", "openid", "orders:read", "orders:write", "profile"]);
  assert.equal(shop.tokens.refresh_token, undefined);

  // Asked once more: what was left out is not ticked, what was allowed says so.
  await page.goto(`${shop.base}/start?prompt=consent&scope=${encodeURIComponent(SCOPES)}`);
  await page.locator("form#consent").waitFor();
  assert.equal(await page.locator("input[value=phone]").isChecked(), false);
  assert.equal(await page.locator("input[value=address]").isChecked(), true);
  assert.match(await page.locator("[data-scope=profile]").innerText(), /allowed before/);
  await look(page, "consent-again");
});

test("deny with the keyboard goes back with access_denied", async () => {
  const page = await asked(bare);
  await tabTo(page, "#consent-deny");
  await page.keyboard.press("Enter");
  assert.deepEqual(await inside(page, bare), { error: "access_denied" });
});

test("without scripts all of it works", async () => {
  const page = await (await stage.profile({ ...DESKTOP, javaScriptEnabled: false })).newPage();
  await page.goto(`${bare.base}/start?scope=${encodeURIComponent(SCOPES)}`);
  await signInByPassword(page, "ada", password);
  await page.locator("input[value=offline_access]").uncheck();
  await page.locator("#consent-allow").click();
  await inside(page, bare);
  assert.ok(!bare.tokens.scope.includes("offline_access"));
});

test("a logo comes from us, fetched once", async () => {
  const page = await asked(shop, { query: "&prompt=login%20consent" });
  const logo = page.locator("#asker img.asker-logo");
  assert.ok((await logo.evaluate((img) => img.src)).startsWith(`${stage.issuer}/logo/`));
  assert.equal(await logo.evaluate((img) => img.naturalWidth), 96);
  assert.equal(fetched, 1);
});

test("pictures: much, little, hostile; English and German", async () => {
  const claims = encodeURIComponent(JSON.stringify({ userinfo: { zoneinfo: { essential: true }, gender: null } }));
  for (const [suffix, options] of [["", {}], ["-de", GERMAN]]) {
    const signin = await stage.desktop(options);
    await begin(signin, shop);
    await signin.locator("#qr-image").waitFor();
    await look(signin, `signin-logo${suffix}`);
    await look(await asked(shop, { query: `&prompt=login%20consent&claims=${claims}`, ...options }), `consent-much${suffix}`);
    await look(await asked(bare, { scope: "openid", query: "&prompt=login%20consent", ...options }), `consent-little${suffix}`);
    const page = await asked(crook, { scope: `${SCOPES} <img/src=x>`, ...options });
    assert.ok(await page.locator("#unverified").isVisible());
    assert.equal(await page.locator("main img, main script, main b").count(), 0);
    await look(page, `consent-hostile${suffix}`);
  }
});
