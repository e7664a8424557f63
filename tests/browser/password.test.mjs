// Sign-in by password through a relying party, and consent with its memory.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { Stage, begin, inside, signInByPassword } from "./stage.mjs";

let stage;
let password;
let shop;

before(async () => {
  stage = await Stage.raise();
  password = stage.server.user("ada");
  shop = await stage.party("shop", { latchbolt_skip_consent: false });
});
afterEach(() => stage.assertQuiet());
after(() => stage?.strike());

test("signs in, asks for consent once, and remembers it", async () => {
  const page = await stage.desktop();
  await begin(page, shop);
  assert.equal(await page.locator("#asker-name").innerText(), "The shop");
  assert.equal(await page.locator("#asker-host").innerText(), "localhost");
  await signInByPassword(page, "ada", password);

  await page.locator("form#consent").waitFor();
  assert.deepEqual(await page.locator("#scopes li").evaluateAll((items) => items.map((item) => item.dataset.scope)),
    ["openid", "profile", "email"]);
  await page.locator("button#consent-allow").click();
  const claims = await inside(page, shop);
  assert.equal(claims.acr, "urn:latchbolt:acr:password");
  assert.deepEqual(claims.amr, ["pwd"]);

  // Signed in and allowed: nothing is asked any more.
  await page.goto(`${shop.base}/start`);
  assert.equal((await inside(page, shop)).sub, claims.sub);

  // Another browser of the same person: the password is asked for, consent is not.
  const other = await stage.desktop();
  await begin(other, shop);
  await signInByPassword(other, "ada", password);
  assert.equal((await inside(other, shop)).sub, claims.sub);
});

test("declining consent goes back with access_denied, and is asked again", async () => {
  const bookshop = await stage.party("bookshop", { latchbolt_skip_consent: false });
  const page = await stage.desktop();
  await begin(page, bookshop);
  await signInByPassword(page, "ada", password);
  await page.locator("button#consent-deny").click();
  assert.deepEqual(await inside(page, bookshop), { error: "access_denied" });
  await page.goto(`${bookshop.base}/start`);
  await page.locator("form#consent").waitFor();
});

test("a wrong password keeps the user name and says so", async () => {
  const page = await stage.desktop();
  await begin(page, shop);
  await signInByPassword(page, "ada", "this is not the password");
  const alert = page.locator("p[role=alert]");
  await alert.waitFor();
  assert.equal(await alert.innerText(), "User name or password is wrong.");
  assert.equal(await page.locator("input[name=username]").inputValue(), "ada");
  assert.equal(await page.locator("input[name=password]").inputValue(), "");
  assert.equal(await page.evaluate(() => document.activeElement.name), "password");
  // An unknown name is answered with the same sentence (SEC-161).
  await signInByPassword(page, "nobody-here", "this is not the password");
  await page.waitForFunction(() => document.querySelector("input[name=username]").value === "nobody-here" &&
    document.querySelector("input[name=password]").value === "");
  assert.equal(await alert.innerText(), "User name or password is wrong.");
  await signInByPassword(page, "ada", password);
  assert.equal((await inside(page, shop)).acr, "urn:latchbolt:acr:password");
});

test("login_hint fills the name, prompt=login asks again for a signed-in person", async () => {
  const page = await stage.desktop();
  await begin(page, shop, "?login_hint=ada");
  assert.equal(await page.locator("input[name=username]").inputValue(), "ada");
  await signInByPassword(page, "ada", password);
  const first = await inside(page, shop);
  await begin(page, shop, "?prompt=login");
  assert.equal(await page.locator("h1").innerText(), "Confirm it is you");
  await page.locator("input[name=password]").fill(password);
  await page.locator("button#login-submit").click();
  const second = await inside(page, shop);
  assert.equal(second.sub, first.sub);
  assert.ok(second.auth_time >= first.auth_time);
});

test("the eye shows the password and hides it before it is sent", async () => {
  const page = await stage.desktop();
  await begin(page, shop);
  const eye = page.locator("#password-eye");
  await page.locator("input#password").fill(password);
  await eye.click();
  assert.equal(await page.locator("input#password").getAttribute("type"), "text");
  assert.equal(await eye.getAttribute("aria-pressed"), "true");
  await eye.click();
  assert.equal(await page.locator("input#password").getAttribute("type"), "password");
});
