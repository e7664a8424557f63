// Pages that links lead to, and second factors: a forgotten password, an address confirmed, a notice answered, a way
// back by the helpdesk. By keyboard alone.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { ConsoleStage } from "./console-stage.mjs";
import { press, tabTo, type } from "./keyboard.mjs";
import { look } from "./look.mjs";
import { Mailbox } from "./mailbox.mjs";
import { Stage, authenticator, begin, inside, signInByPassword } from "./stage.mjs";
import { totp } from "./totp.mjs";

let mailbox;
let stage;
let shop;
const secrets = {};

before(async () => {
  mailbox = await Mailbox.start();
  stage = await ConsoleStage.raise({ mail: mailbox.settings });
  shop = await stage.party("shop");
  for (const name of ["ada", "ben", "cleo", "dora"]) secrets[name] = stage.server.user(name, { email_verified: true });
});
afterEach(() => stage.assertQuiet());
after(async () => {
  await stage?.strike();
  mailbox?.close();
});

const address = (name) => `${name}@mail.example`;
const stageOf = (page, id, word) => page.locator(`#${id}[data-stage="${word}"]`).waitFor();

/** Opens a link of a mail, and waits for what its page asks. */
async function opened(page, link) {
  await page.goto(link);
  await stageOf(page, "link", "ask");
  assert.equal(new URL(page.url()).hash, "", "the secret stands in the address");
}

async function signedIn(name) {
  const page = await stage.desktop();
  await page.goto(`${stage.issuer}/account`);
  await signInByPassword(page, name, secrets[name]);
  await page.locator("#account").waitFor();
  return page;
}

async function policy(name, value) {
  const { etag } = await stage.api("GET", `/policies/${name}`);
  await stage.api("PATCH", `/policies/${name}`, value, { "if-match": etag });
}

test("a forgotten password: asked for, chosen anew, and the link works once", async () => {
  const page = await stage.desktop();
  await page.goto(`${stage.issuer}/login`);
  await press(page, "a", "Forgot");
  await page.locator("#forgot-form").waitFor();
  await look(page, "forgot");
  await type(page, "#forgot-form #name", "ada");
  await page.keyboard.press("Enter");
  await stageOf(page, "forgot", "sent");
  await look(page, "forgot-sent");

  const link = await mailbox.link(address("ada"), "/login/reset");
  await opened(page, link);
  await look(page, "reset");
  await type(page, "#password", "ada");
  await page.keyboard.press("Enter");
  await page.locator("#link-error").waitFor();
  await look(page, "reset-refused");
  secrets.ada = "four grey geese over the weir";
  await type(page, "#password", secrets.ada);
  await page.keyboard.press("Enter");
  await stageOf(page, "link", "done");
  await look(page, "reset-done");

  const later = await stage.desktop();
  await later.goto(link);
  await stageOf(later, "link", "gone");
  await look(later, "link-gone");
  await begin(later, shop);
  await signInByPassword(later, "ada", secrets.ada);
  await inside(later, shop);
});

test("a link without its secret says so", async () => {
  const page = await stage.desktop();
  await page.goto(`${stage.issuer}/login/reset`);
  await page.locator("#link-none:visible").waitFor();
  await look(page, "link-none");
});

test("a new address is confirmed by the link that is sent there", async () => {
  const page = await signedIn("ben");
  await page.goto(`${stage.issuer}/account/settings`);
  await press(page, "#email summary");
  await look(page, "account-email");
  await type(page, "#new-email", "ben@elsewhere.example");
  await page.keyboard.press("Enter");
  await page.locator("#email-waiting").waitFor();
  await look(page, "account-email-waiting");
  await opened(page, await mailbox.link("ben@elsewhere.example", "/account/email/verify"));
  await look(page, "email-verify");
  await press(page, "#link-submit");
  await stageOf(page, "link", "done");
  await look(page, "email-verified");
  await page.goto(`${stage.issuer}/account/settings`);
  assert.equal(await page.locator("#email-now").innerText(), "ben@elsewhere.example");
});

test("sec_078 a notice's link ends the sign-in that it tells of, after asking", async () => {
  const page = await signedIn("cleo");
  const link = await mailbox.link(address("cleo"), "/account/notice");
  const other = await stage.desktop();
  await opened(other, link);
  await look(other, "notice");
  await page.reload();
  await page.locator("#account").waitFor();
  await press(other, "#link-submit");
  await stageOf(other, "link", "done");
  await look(other, "notice-done");
  await page.goto(`${stage.issuer}/account`);
  await page.locator("form#login").waitFor();
});

test("where a second factor is demanded it is set up on the way in, and asked for from then on", async () => {
  await policy("passwords", { second_factor: "required" });
  try {
    const page = await stage.desktop();
    await begin(page, shop);
    await signInByPassword(page, "dora", secrets.dora);
    await stageOf(page, "second-factor-page", "setup");
    await look(page, "second-factor-setup");
    const secret = await page.locator("#totp-secret").innerText();
    await type(page, "#code", totp(secret));
    await page.keyboard.press("Enter");
    assert.ok((await inside(page, shop)).amr.includes("mfa"));

    const again = await stage.desktop();
    await begin(again, shop);
    await signInByPassword(again, "dora", secrets.dora);
    await stageOf(again, "second-factor-page", "code");
    await look(again, "second-factor");
    await type(again, "#code", "000000");
    await again.keyboard.press("Enter");
    await again.locator("#second-factor-error").waitFor();
    await look(again, "second-factor-wrong");
    await press(again, "#other-way");
    await again.locator("form#login").waitFor();
  } finally {
    await policy("passwords", { second_factor: "optional" });
  }
});

test("sec_086 who lost everything comes back by the helpdesk's link, and adds a passkey", async () => {
  await policy("recovery", { waiting_hours: 0 });
  const { body: opened } = await stage.api("POST", "/recoveries", { user: "dora", reason: "came in person" });
  // Whoever opened it does not complete it: somebody else at the helpdesk does.
  const desk = await stage.colleague("desk", ["helpdesk"]);
  const { body: done } = await stage.api("POST", `/recoveries/${opened.id}/complete`, {}, {}, desk);
  const page = await stage.desktop();
  await authenticator(page);
  await page.goto(`${stage.issuer}/recover`);
  await page.locator("#recover-help:visible").waitFor();
  await look(page, "recover-help");
  await page.goto("about:blank");
  await page.goto(done.url);
  await page.locator("#recover:visible").waitFor();
  assert.equal(new URL(page.url()).hash, "");
  await look(page, "recover");
  await type(page, "#recover #password", "this is not the password");
  await page.keyboard.press("Enter");
  await page.locator("#recover-error").waitFor();
  await look(page, "recover-wrong");
  await type(page, "#recover #password", secrets.dora);
  await page.keyboard.press("Enter");
  await page.locator("#passkey-add").waitFor();
  await press(page, "#passkey-add");
  await page.locator("#passkey-added").waitFor();
  await look(page, "passkey-added");
  // It is over with its first use.
  const late = await stage.desktop();
  await late.goto(done.url);
  await late.locator("#recover:visible").waitFor();
  await type(late, "#recover #password", secrets.dora);
  await late.keyboard.press("Enter");
  await late.locator("#recover-error").waitFor();
  assert.equal(await late.locator("#recover").count(), 0);
  await look(late, "recover-over");
});

test("without mail the page says what to do instead", async () => {
  const plain = await Stage.raise();
  try {
    const page = await plain.desktop();
    await page.goto(`${plain.issuer}/login/forgot`);
    await stageOf(page, "forgot", "off");
    await look(page, "forgot-off");
    await press(page, "a.button", "Back");
    await page.locator("form#login").waitFor();
    plain.assertQuiet();
  } finally {
    await plain.strike();
  }
});
