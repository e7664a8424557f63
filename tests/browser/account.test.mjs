// The account pages: what their owner sees and does there, without and with scripts, by keyboard, on a small screen.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { press, tabTo, type } from "./keyboard.mjs";
import { look } from "./look.mjs";
import { Stage, approve, authenticator, begin, checkCode, inside, panel, scanAndClaim, signInByPassword } from "./stage.mjs";
import { totp } from "./totp.mjs";

let stage;
let password;
let shop;
let page;
let phone;

const TABS = ["", "/devices", "/security", "/sessions", "/apps", "/activity", "/settings", "/lost"];

/** Signs in to the account with a password, in a new profile. */
async function signedIn(options) {
  const fresh = await stage.desktop(options);
  await fresh.goto(`${stage.issuer}/account`);
  await signInByPassword(fresh, "ada", password);
  await fresh.locator("#account").waitFor();
  return fresh;
}

const go = (tab, on = page) => on.goto(`${stage.issuer}/account${tab}`);

before(async () => {
  stage = await Stage.raise();
  password = stage.server.user("ada");
  shop = await stage.party("shop");
  phone = await stage.enrolledPhone("ada", password);
  page = await signedIn();
});
afterEach(() => stage.assertQuiet());
after(() => stage?.strike());

test("nobody sees an account without signing in, and comes back to where they wanted to go", async () => {
  const stranger = await stage.desktop();
  for (const tab of TABS) {
    await go(tab, stranger);
    await stranger.locator("form#login").waitFor();
    assert.equal(new URL(stranger.url()).pathname, "/login", tab);
  }
  await go("/sessions", stranger);
  await signInByPassword(stranger, "ada", password);
  await stranger.locator("#account[data-tab=sessions]").waitFor();
});

test("every page is sound in light and dark, narrow and wide", async () => {
  for (const tab of TABS) {
    await go(tab);
    await look(page, `account-${tab.slice(1) || "overview"}`);
  }
});

test("the pages work without scripts", async () => {
  const plain = await signedIn({ javaScriptEnabled: false });
  await go("/devices", plain);
  await plain.locator("#devices summary").click();
  await plain.locator("#devices input[name=name]").fill("Old faithful");
  await plain.locator("#devices form[action$=rename] button").click();
  await plain.locator("#done").waitFor();
  assert.equal(await plain.locator("#devices h2").innerText(), "Old faithful");
  await go("/settings", plain);
  await plain.locator("#language").selectOption("de");
  await plain.locator("#settings button").click();
  await plain.locator("#done").waitFor();
  assert.equal(await plain.locator("#language").inputValue(), "de");
});

test("by keyboard alone: to the phones, and a new name", async () => {
  await go("");
  await page.locator(".tabs a[aria-current]").focus();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.locator("#account[data-tab=devices]").waitFor();
  await page.locator("#devices summary").focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("Pocket");
  await page.keyboard.press("Enter");
  await page.locator("#done").waitFor();
  assert.equal(await page.locator("#devices h2").innerText(), "Pocket");
});

test("by keyboard alone: every other page, and what is done there", async () => {
  // An app to take back, a browser to sign out.
  const asking = await stage.party("asking", { latchbolt_skip_consent: false });
  const secret = stage.server.user("kay");
  const me = await stage.desktop();
  await go("", me);
  await type(me, "#username", "kay");
  await type(me, "#password", secret);
  await me.keyboard.press("Enter");
  await me.locator("#account[data-tab=overview]").waitFor();
  await me.goto(`${asking.base}/start`);
  await press(me, "#consent-allow");
  await inside(me, asking);
  const other = await stage.desktop();
  await go("", other);
  await signInByPassword(other, "kay", secret);
  await other.locator("#account").waitFor();

  await go("", me);
  await press(me, ".tabs a", "Apps");
  await me.locator("#apps").waitFor();
  await look(me, "account-apps-one");
  await press(me, "#apps button");
  await me.locator("#no-apps").waitFor();
  await press(me, ".tabs a", "Sessions");
  await me.locator("#sessions").waitFor();
  await press(me, "#sessions button");
  await me.locator("#done").waitFor();
  assert.equal(await me.locator("#sessions > li").count(), 1);
  await press(me, ".tabs a", "Activity");
  await me.locator("#account[data-tab=activity] #activity").waitFor();
  await press(me, ".tabs a", "Settings");
  await me.locator("#account[data-tab=settings]").waitFor();
  await tabTo(me, "#language");
  await me.keyboard.type("Deu");
  await press(me, "#settings button");
  await me.locator("#done").waitFor();
  assert.equal(await me.locator("#language").inputValue(), "de");
  await press(me, ".tabs a", "Passkeys");
  await me.locator("#account[data-tab=security]").waitFor();
  await press(me, "#password summary");
  await look(me, "account-password");
  if (await me.locator("#current").count()) await type(me, "#current", secret);
  await type(me, "#new", "nine slow herons by the lock");
  await me.keyboard.press("Enter");
  await me.locator("#done").waitFor();
  await press(me, "#lost-phone");
  await me.locator("#account[data-tab=lost] #no-devices").waitFor();
  await look(me, "account-lost-none");
});

test("what happened is told, and counts as seen once it was looked at", async () => {
  await go("");
  assert.match(await page.locator("#news").innerText(), /phone/i);
  await go("/activity");
  assert.ok(await page.locator("#activity li").count() >= 2);
  await go("");
  assert.equal(await page.locator(".tabs .badge").count(), 0);
});

test("sec_154 other sessions are seen and ended, one and all", async () => {
  const [one, two, three] = [await signedIn(), await signedIn(), await signedIn()];
  await go("/sessions");
  const before = await page.locator("#sessions > li").count();
  assert.ok(before >= 4);
  const ids = await page.locator("#sessions > li").evaluateAll((lines) => lines.map((line) => line.dataset.session));
  await page.locator("#sessions form button").first().click();
  await page.locator("#done").waitFor();
  assert.equal(await page.locator("#sessions > li").count(), before - 1);
  assert.equal(new Set(ids).size, before);
  await page.locator("#end-others").click();
  await page.locator("#end-others").waitFor({ state: "detached" });
  await page.locator("#done").waitFor();
  assert.equal(await page.locator("#sessions > li").count(), 1);
  for (const gone of [one, two, three]) {
    await go("", gone);
    await gone.locator("form#login").waitFor();
  }
});

test("sec_084 another person's phone does not exist", async () => {
  const eve = stage.server.user("eve");
  const other = await stage.desktop();
  await go("", other);
  await signInByPassword(other, "eve", eve);
  await other.locator("#account").waitFor();
  await go("/devices");
  const id = await page.locator("#devices > li").getAttribute("data-device");
  await go("/settings", other);
  const csrf = await other.locator("input[name=csrf]").first().inputValue();
  for (const [path, more] of [["devices/rename", { name: "mine" }], ["devices/remove", {}], ["devices/found", {}], ["lost", { how: "stolen" }]]) {
    const answer = await other.request.post(`${stage.issuer}/account/${path}`, {
      form: { csrf, device: id, ...more }, headers: { origin: stage.issuer }, maxRedirects: 0,
    });
    assert.ok([303, 404].includes(answer.status()), `${path}: ${answer.status()}`);
    assert.ok(!/done=/.test(answer.headers().location ?? ""), path);
  }
  await go("/devices");
  assert.equal(await page.locator("#devices > li").getAttribute("data-state"), "active");
  assert.equal(await page.locator("#devices h2").innerText(), "Pocket");
});

test("codes from an app are set up, asked for, and switched off again; recovery codes work once", async () => {
  page = await signedIn();
  await go("/security");
  await page.locator("#totp-begin").click();
  // A password alone sets up no second factor beside a phone.
  await scanAndClaim(phone, page);
  await approve(phone, await checkCode(page));
  await page.locator("#account[data-tab=security]").waitFor();
  await page.locator("#totp-begin").click();
  await page.locator("#totp-confirm").waitFor();
  await look(page, "account-totp");
  await page.locator("details summary").click();
  const secret = await page.locator("#totp-secret").innerText();
  await page.locator("#code").fill("000000");
  await page.locator("#totp-confirm button").click();
  await page.locator("[role=alert]").waitFor();
  await page.locator("#code").fill(totp(secret));
  await page.locator("#totp-confirm button").click();
  await page.locator("#done").waitFor();
  await page.locator("#totp-remove").waitFor();
  await page.locator("#codes-make").click();
  await page.locator("#recovery-codes").waitFor();
  await look(page, "account-codes");
  const codes = await page.locator("#recovery-codes code").allInnerTexts();
  assert.equal(new Set(codes).size, 10);

  for (const [code, is_taken] of [[codes[0], true], [codes[0], false], [codes[1], true]]) {
    const other = await stage.desktop();
    await begin(other, shop);
    await signInByPassword(other, "ada", password);
    await other.locator("form#second-factor").waitFor();
    await other.locator("input[name=code]").fill(code);
    await other.locator("button#second-factor-submit").click();
    if (is_taken) assert.ok((await inside(other, shop)).amr.includes("mfa"));
    else await other.locator("[role=alert]").waitFor();
  }
  await go("/security");
  assert.match(await page.locator("#codes-left").innerText(), /^8 /);
  await page.locator("#totp-remove").click();
  await page.locator("#done").waitFor();
  await page.locator("#totp-begin").waitFor();
});

test("a new password, refused while it is weak, signs everybody else out", async () => {
  const me = await signedInWithCode();
  await go("/security", me);
  await me.locator("#password summary").click();
  const fill = async (fresh) => {
    if (await me.locator("#current").count()) await me.locator("#current").fill(password);
    await me.locator("#new").fill(fresh);
    await me.locator("#change-password button").click();
  };
  await fill("password1");
  await me.locator("[role=alert]").waitFor();
  assert.match(await me.locator("[role=alert]").innerText(), /many people use/);
  await look(me, "account-password-refused");
  await fill("seven quiet lamps over the harbour");
  await me.locator("#done").waitFor();
  password = "seven quiet lamps over the harbour";
  await go("", page);
  await page.locator("form#login").waitFor();
});

/** Signs in by phone: nothing more is asked then. */
async function signedInWithCode() {
  const desktop = await stage.desktop();
  await go("", desktop);
  await panel(desktop, "waiting");
  await scanAndClaim(phone, desktop);
  await approve(phone, await checkCode(desktop));
  await desktop.locator("#account").waitFor();
  return desktop;
}

test("a passkey is renamed and removed", async () => {
  const key = stage.server.user("kim");
  const me = await stage.desktop();
  await authenticator(me);
  await go("/security", me);
  await signInByPassword(me, "kim", key);
  await me.locator("#no-passkeys").waitFor();
  await me.locator("a[href='/login/passkey/new']").click();
  await me.locator("button#passkey-add").click();
  await me.locator("#passkey-added").waitFor();
  await go("/security", me);
  const summary = me.locator("#passkeys summary");
  await summary.click();
  await me.locator("#passkeys input[name=name]").fill("Blue key");
  await me.locator("#passkeys form[action$=rename] button").click();
  await me.locator("#done").waitFor();
  assert.equal(await me.locator("#passkeys h3").innerText(), "Blue key");
  await look(me, "account-passkeys");
  await summary.click();
  await me.locator("#passkeys form[action$=remove] button").click();
  await me.locator("#no-passkeys").waitFor();
});

test("I lost my phone: one button, and it signs nobody in any more", async () => {
  const me = await signedInWithCode();
  await me.locator("#lost-phone").click();
  await me.locator("#account[data-tab=lost]").waitFor();
  // By keyboard alone: the second of the two answers.
  await tabTo(me, "input[name=how]");
  await me.keyboard.press("ArrowDown");
  assert.ok(await me.locator("#how-stolen").isChecked());
  await type(me, "#note", "left on the bus");
  await press(me, "#lost-confirm");
  // The phone had approved this very browser: it is signed out with the others.
  await me.locator("form#login, #done").first().waitFor();
  const again = await stage.desktop();
  await begin(again, shop);
  await panel(again, "waiting");
  await phone.goto(`${stage.issuer}/phone`);
  await phone.getByText(/removed|stopped|revoked/i).first().waitFor();
});
