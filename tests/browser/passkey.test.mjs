// Passkeys of the desktop itself, and sign-in without script.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { Stage, authenticator, begin, inside, signInByPassword } from "./stage.mjs";

const BY_PASSKEY = ["swk", "user", "mfa"];
let stage;
let password;
let shop;

before(async () => {
  stage = await Stage.raise();
  password = stage.server.user("ada");
  shop = await stage.party("shop");
});
afterEach(() => stage.assertQuiet());
after(() => stage?.strike());

let owners = 0;

/** A desktop that holds its owner's first passkey, and nobody is signed in: a further one needs more than the password. */
async function withPasskey(context) {
  const page = await context.newPage();
  await authenticator(page);
  owners += 1;
  page.owner = { name: `owner${owners}`, password: stage.server.user(`owner${owners}`) };
  await page.goto(`${stage.issuer}/login`);
  await signInByPassword(page, page.owner.name, page.owner.password);
  await page.locator("#signed-in").waitFor();
  await page.goto(`${stage.issuer}/login/passkey/new`);
  await page.locator("input[name=name]").fill("This desktop");
  await page.locator("button#passkey-add").click();
  await page.locator("#passkey-added").waitFor();
  const [credential] = await page.authenticator.credentials();
  assert.ok(credential.isResidentCredential);
  assert.equal(credential.rpId, "localhost");
  await signOut(page);
  return page;
}

async function signOut(page) {
  await page.goto(`${stage.issuer}/logout`);
  await page.locator("form#logout button#logout-confirm").click();
  await page.locator("h1", { hasText: "Signed out" }).waitFor();
  assert.equal((await page.context().cookies(stage.issuer)).find((cookie) => cookie.name === "__Host-lb_session"), undefined);
}

/** A browser that knows passkeys but does not offer them inside the user name field. */
async function withoutAutofill() {
  const context = await stage.profile();
  await context.addInitScript(() => {
    if (globalThis.PublicKeyCredential) PublicKeyCredential.isConditionalMediationAvailable = async () => false;
  });
  return context;
}

test("a passkey is added after a password sign-in and signs in by its button", async () => {
  const page = await withPasskey(await withoutAutofill());
  await begin(page, shop);
  await page.locator("button#passkey").click();
  const claims = await inside(page, shop);
  assert.equal(claims.acr, "phr");
  assert.deepEqual(claims.amr, BY_PASSKEY);

  // The same authenticator is not taken twice.
  await page.goto(`${stage.issuer}/login/passkey/new`);
  await page.locator("button#passkey-add").click();
  await page.locator("#alert [data-say=exists]").waitFor();
});

test("an unverified person is not signed in, and may choose another way", async () => {
  const page = await withPasskey(await withoutAutofill());
  await begin(page, shop);
  await page.authenticator.verifies(false);
  await page.locator("button#passkey").click();
  await page.locator("#alert[role=alert] [data-say=passkey_none]").waitFor();
  await signInByPassword(page, page.owner.name, page.owner.password);
  assert.equal((await inside(page, shop)).acr, "urn:latchbolt:acr:password");
});

test("a passkey in the user name field signs in without a click", async () => {
  const page = await withPasskey(await stage.profile());
  // The virtual authenticator chooses at once what a person would choose from the field's list.
  await page.goto(`${shop.base}/start`);
  assert.equal((await inside(page, shop)).acr, "phr");
});

test("a relying party that wants a passkey is not content with a password", async () => {
  const page = await withPasskey(await withoutAutofill());
  await begin(page, shop);
  await signInByPassword(page, page.owner.name, page.owner.password);
  await inside(page, shop);
  // Such a page has neither a password form nor a code.
  const essential = JSON.stringify({ id_token: { acr: { essential: true, value: "phr" } } });
  await begin(page, shop, `?claims=${encodeURIComponent(essential)}`);
  assert.equal(await page.locator("form#login").count(), 0);
  await page.locator("button#passkey").click();
  assert.equal((await inside(page, shop)).acr, "phr");
});

test("with script switched off: password, consent, sign-out", async () => {
  const bank = await stage.party("bank", { latchbolt_skip_consent: false });
  const page = await stage.desktop({ javaScriptEnabled: false });
  await begin(page, bank);
  await page.locator("#qr noscript .note").waitFor();
  assert.ok(await page.locator("button#passkey").isHidden());
  await signInByPassword(page, "ada", "this is not the password");
  await page.locator("p[role=alert]").waitFor();
  assert.equal(await page.locator("input[name=username]").inputValue(), "ada");
  await signInByPassword(page, "ada", password);
  await page.locator("button#consent-allow").click();
  assert.equal((await inside(page, bank)).acr, "urn:latchbolt:acr:password");
  await signOut(page);
  await begin(page, bank);
});

test("staying signed in is as easy as signing out", async () => {
  const page = await stage.desktop();
  await begin(page, shop);
  await signInByPassword(page, "ada", password);
  const { sub } = await inside(page, shop);
  await page.goto(`${stage.issuer}/logout`);
  await page.locator("form#logout a").click();
  await page.locator("#signed-in-as").waitFor();
  await page.goto(`${shop.base}/start`);
  assert.equal((await inside(page, shop)).sub, sub);
});
