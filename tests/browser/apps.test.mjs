// The start page: what has access, since when, and taking it back.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { look } from "./look.mjs";
import { ADA, HOSTILE, Site } from "./site.mjs";
import { Stage, begin, inside, signInByPassword } from "./stage.mjs";

let stage;
let password;
let shop;
let page;

const ASKS = { latchbolt_skip_consent: false, grant_types: ["authorization_code", "refresh_token"] };

before(async () => {
  stage = await Stage.raise();
  password = stage.server.user("ada", ADA);
  shop = await stage.party("shop", { ...ASKS, client_name: "Bread & Roses Bookshop", scope: "openid profile email offline_access orders:read" }, Site);
  page = await stage.desktop();
  await begin(page, shop, `?scope=${encodeURIComponent("openid profile email offline_access orders:read")}`);
  await signInByPassword(page, "ada", password);
  await page.locator("#consent-allow").click();
  await inside(page, shop);
});
afterEach(() => stage.assertQuiet());
after(() => stage?.strike());

/** Signed in already: allows this client what it asks for. */
async function allow(id) {
  const { base } = shop;
  const query = new URLSearchParams({
    response_type: "code", client_id: id, redirect_uri: `${base}/here`, scope: "openid email", state: id,
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", code_challenge_method: "S256",
  });
  await page.goto(`${stage.issuer}/authorize?${query}`);
  await page.locator("#consent-allow").click();
  await page.waitForURL(`${base}/here?**`);
}

test("the list says what each app may learn; taken back with the keyboard, it has to ask again", async () => {
  await page.goto(`${stage.issuer}/`);
  const app = page.locator('#apps > li[data-client="shop"]');
  const text = await app.innerText();
  for (const part of ["Bread & Roses Bookshop", "Your e-mail address", "orders:read", "Allowed on 20"]) assert.ok(text.includes(part), part);
  const button = app.getByRole("button", { name: "Remove access of Bread & Roses Bookshop" });
  await button.focus();
  await page.keyboard.press("Enter");
  await app.waitFor({ state: "detached" });
  assert.equal(new URL(page.url()).pathname, "/");
  await page.goto(`${shop.base}/start`);
  await page.locator("form#consent").waitFor();
  await page.locator("#consent-allow").click();
  await inside(page, shop);
});

test("more than a page of them: the next page, and no app twice", async () => {
  for (let at = 0; at < 21; at += 1) {
    const id = `app-${String(at).padStart(2, "0")}`;
    const client_name = at === 3 ? HOSTILE : `Application number ${at}`;
    stage.server.client(id, { ...ASKS, client_name, redirect_uris: [`${shop.base}/here`], scope: "openid email", latchbolt_verified: at !== 3 });
    await allow(id);
  }
  await page.goto(`${stage.issuer}/`);
  const ids = () => page.locator("#apps > li").evaluateAll((all) => all.map((item) => item.dataset.client));
  const first = await ids();
  assert.equal(first.length, 20);
  await look(page, "home-apps");
  await page.locator("a", { hasText: "More apps" }).click();
  await page.waitForURL("**/?after=*");
  const second = await ids();
  assert.deepEqual([...first, ...second].sort(), [...new Set([...first, ...second])].sort());
  assert.equal(first.length + second.length, 22);
  await look(page, "home-more");
  // Taken back on a later page: the person stays where the app was.
  await page.locator("#apps button").first().click();
  await page.locator(`#apps > li[data-client="${second[0]}"]`).waitFor({ state: "detached" });
  const german = await stage.desktop({ locale: "de-DE" });
  await german.goto(`${stage.issuer}/login`);
  await signInByPassword(german, "ada", password);
  await german.locator("#signed-in").waitFor();
  await german.goto(`${stage.issuer}/`);
  await look(german, "home-apps-de");
});
