// Answers by form: they send themselves; who has no script, or whose script does not come, presses a button.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { look } from "./look.mjs";
import { Site } from "./site.mjs";
import { DESKTOP, Stage, signInByPassword } from "./stage.mjs";

let stage;
let password;
let shop;

const START = "/start?response_mode=form_post";

before(async () => {
  stage = await Stage.raise();
  password = stage.server.user("ada");
  shop = await stage.party("shop", { client_name: "Bread & Roses Bookshop" }, Site);
});
afterEach(() => stage.assertQuiet());
after(() => stage?.strike());

/** The page that holds the answer, in a browser that does not send it by itself. */
async function held(options = {}) {
  const page = await stage.desktop(options);
  // As it is with a proxy that loses files, or an add-on that blocks them.
  await page.route(/\/assets\/.*response.*\.js/, (route) => route.abort());
  await page.goto(`${shop.base}${START}`);
  await signInByPassword(page, "ada", password);
  await page.locator("form#response").waitFor();
  return page;
}

function assertPosted() {
  const came = shop.came.at(-1);
  assert.equal(came.method, "POST");
  assert.equal(came.contentType, "application/x-www-form-urlencoded");
  assert.deepEqual([...came.query], []);
  assert.deepEqual([...came.body.keys()].sort(), ["code", "iss", "session_state", "state"]);
}

test("the answer sends itself, the first time and when already signed in", async () => {
  const page = await stage.desktop();
  await page.goto(`${shop.base}${START}`);
  await signInByPassword(page, "ada", password);
  await page.waitForURL(`${shop.base}/callback`);
  const { sub } = JSON.parse(await page.locator("#claims").innerText());
  assertPosted();
  await page.goto(`${shop.base}${START}`);
  await page.waitForURL(`${shop.base}/callback`);
  assert.equal(JSON.parse(await page.locator("#claims").innerText()).sub, sub);
  assertPosted();
});

test("errors come the same way", async () => {
  const page = await stage.desktop();
  await page.goto(`${shop.base}${START}&prompt=none`);
  await page.waitForURL(`${shop.base}/callback`);
  assert.deepEqual(JSON.parse(await page.locator("#claims").innerText()), { error: "login_required" });
});

test("a state of 512 characters with markup comes back as it was", async () => {
  const state = `"><script>alert(1)</script>&amp;'\u00e4\u20ac `.repeat(20).slice(0, 512);
  const page = await stage.desktop();
  await page.goto(`${shop.base}${START}&prompt=none&state=${encodeURIComponent(state)}`);
  await page.waitForURL(`${shop.base}/callback`);
  assert.equal(shop.came.at(-1).body.get("state"), state);
  stage.complaints.length = 0; // The site does not know that state and answers 500.
});

test("without scripts the button sends it, with the keyboard", async () => {
  const page = await (await stage.profile({ ...DESKTOP, javaScriptEnabled: false })).newPage();
  await page.goto(`${shop.base}${START}`);
  await signInByPassword(page, "ada", password);
  await page.locator("form#response button").focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(`${shop.base}/callback`);
  assertPosted();
});

test("when the script does not come the page says what to do, and the button sends it", async () => {
  const page = await held();
  assert.match(await page.locator("main").innerText(), /localhost/);
  await look(page, "form-post");
  await page.locator("form#response button").click();
  await page.waitForURL(`${shop.base}/callback`);
  assertPosted();
  await look(await held({ locale: "de-DE" }), "form-post-de");
});

test("a site that sends its visitor on to another of its origins is not cut off", async () => {
  const other = await stage.party("elsewhere", {}, Site);
  shop.onward = `${other.base.replace("localhost", "127.0.0.1")}/here`;
  try {
    const page = await stage.desktop();
    await page.goto(`${shop.base}${START}`);
    await signInByPassword(page, "ada", password);
    await page.waitForURL(shop.onward);
    await page.goto(`${shop.base}/start?response_mode=query&prompt=login`);
    await page.locator("form#login input[name=password]").fill(password);
    await page.locator("button#login-submit").click();
    await page.waitForURL(shop.onward);
  } finally {
    shop.onward = null;
  }
});
