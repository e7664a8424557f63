// `latchbolt demo`, clicked through as a visitor would: by password, by passkey, by virtual phone.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, afterEach, before, test } from "node:test";

import { program } from "../server.mjs";
import { look } from "./look.mjs";
import { BY_PHONE, Stage, authenticator, checkCode, panel, readScreen, signInByPassword } from "./stage.mjs";

let stage;
let demo;
let told;

async function firstLine(child) {
  let text = "";
  for await (const piece of child.stdout) {
    text += piece;
    if (text.includes("\n")) return text.slice(0, text.indexOf("\n"));
  }
  throw new Error("the demo ended without a word");
}

before(async () => {
  stage = await Stage.raise({ server: null });
  demo = spawn(program, ["demo", "--json", "--port", "0", "--rp-port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  told = JSON.parse(await firstLine(demo));
  demo.stdout.resume();
});
afterEach(() => stage.assertQuiet());
after(async () => {
  await stage?.strike();
  if (!demo || demo.exitCode !== null) return;
  const ended = new Promise((done) => demo.once("exit", done));
  demo.kill("SIGTERM");
  await ended;
});

/** From the demo shop to the sign-in page. */
async function begin(page, link = "#sign-in") {
  await page.goto(told.relying_party);
  await page.locator(link).click();
  await page.locator("#ways").waitFor();
}

async function allowIfAsked(page) {
  await page.locator("#signed-in, form#consent").first().waitFor();
  if (await page.locator("form#consent").count()) await page.locator("button#consent-allow").click();
}

async function inside(page) {
  await allowIfAsked(page);
  await page.locator("#signed-in").waitFor();
  assert.ok(page.url().startsWith(told.relying_party), page.url());
  return JSON.parse(await page.locator("#id-token").innerText());
}

/** Approves the sign-in that a page shows, in the tab of the virtual phone. */
async function approveByVirtualPhone(context, page) {
  await panel(page, "waiting");
  const opened = context.waitForEvent("page");
  await page.locator("#virtual-phone").click();
  const phone = await opened;
  await phone.locator("#claim[data-state=claimed]").waitFor();
  await panel(page, "claimed");
  for (const digit of await checkCode(page)) await phone.locator(`[data-digit="${digit}"]`).click();
  await phone.locator("#approve").click();
  await phone.locator("#claim[data-state=approved]").waitFor();
}

test("by password, and by a passkey added on the way", async () => {
  const context = await stage.profile();
  await context.addInitScript(() => {
    if (globalThis.PublicKeyCredential) PublicKeyCredential.isConditionalMediationAvailable = async () => false;
  });
  const page = await context.newPage();
  await authenticator(page);
  await begin(page);
  await signInByPassword(page, told.username, told.password);
  const claims = await inside(page);
  assert.equal(claims.iss, told.issuer);
  assert.deepEqual(claims.amr, ["pwd"]);

  await page.locator("#add-passkey").click();
  // Who has a phone adds a passkey with that as well, not with the password alone (SEC-174).
  await page.locator("#ways").waitFor();
  await approveByVirtualPhone(context, page);
  await page.bringToFront();
  await page.locator("button#passkey-add").click();
  await page.locator("#passkey-added").waitFor();
  await begin(page, 'a[href="/sign-in?prompt=login"]');
  await page.locator("button#passkey").click();
  assert.equal((await inside(page)).acr, "phr");
  assert.match(await page.locator("#amr").innerText(), /swk/);
});

test("by the virtual phone in a second tab", async () => {
  const context = await stage.profile();
  const page = await context.newPage();
  await begin(page);
  await panel(page, "waiting");
  const opened = context.waitForEvent("page");
  await page.locator("#virtual-phone").click();
  const phone = await opened;
  await phone.locator("#claim[data-state=claimed]").waitFor();
  await look(phone, "demo-phone", { isDemo: true });
  assert.match(await phone.locator(".banner").innerText(), /demo only/);
  await panel(page, "claimed");
  for (const digit of await checkCode(page)) await phone.locator(`[data-digit="${digit}"]`).click();
  await phone.locator("#approve").click();
  await phone.locator("#claim[data-state=approved]").waitFor();
  const claims = await inside(page);
  assert.deepEqual(claims.amr, BY_PHONE);
  assert.match(await page.locator("#took").innerText(), /[0-9]/);
  await look(page, "demo-signed-in", { isDemo: true });
});

test("the virtual phone reads a screenshot, denies, and reports", async () => {
  const context = await stage.profile();
  const [page, phone] = [await context.newPage(), await context.newPage()];
  await begin(page);
  await panel(page, "waiting");
  await phone.goto(told.virtual_phone);
  await phone.locator("#file").setInputFiles({ name: "screen.png", mimeType: "image/png", buffer: await page.screenshot() });
  await phone.locator("#claim[data-state=claimed]").waitFor();
  await phone.locator("#deny").click();
  await panel(page, "denied");
  await page.locator("button#qr-refresh").click();
  await phone.locator("#again").click();
  await phone.locator("#link").fill(await readScreen(page));
  await phone.locator("#scan button").first().click();
  await phone.locator("#claim[data-state=claimed]").waitFor();
  await phone.locator("#report").click();
  await panel(page, "denied");
});

test("signing out at the shop leaves the provider's session alone", async () => {
  const page = await stage.desktop();
  await begin(page);
  await signInByPassword(page, told.username, told.password);
  const { sub } = await inside(page);
  await page.locator("#sign-out").click();
  await page.locator("#sign-in").click();
  assert.equal((await inside(page)).sub, sub);
});
