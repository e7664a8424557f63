// A phone becomes a key, and a browser is signed in because it said yes.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import {
  BY_PHONE, Stage, approve, begin, checkCode, claim, enrol, fact, inside, panel, readScreen, scan, scanAndClaim,
  signInByPassword,
} from "./stage.mjs";

let stage;
let password;
let shop;
let phone;

before(async () => {
  stage = await Stage.raise();
  password = stage.server.user("ada");
  shop = await stage.party("shop");
});
afterEach(() => stage.assertQuiet());
after(() => stage?.strike());

test("a phone is enrolled with a passkey and a key that cannot leave it", async () => {
  phone = await stage.phone();
  await phone.goto(`${stage.issuer}/phone`);
  // Nothing happens without agreement.
  await phone.locator("form#enrol input[name=username]").fill("ada");
  await phone.locator("form#enrol input[name=password]").fill(password);
  await phone.locator("button#enrol-submit").tap();
  await phone.locator("#enrol-problem").waitFor();
  assert.equal((await phone.authenticator.credentials()).length, 0);

  await enrol(phone, "ada", password);
  assert.equal((await phone.authenticator.credentials()).length, 1);
  const key = await phone.evaluate(() => new Promise((resolve, reject) => {
    const open = indexedDB.open("latchbolt-phone");
    open.onerror = reject;
    open.onsuccess = () => {
      const get = open.result.transaction("phone").objectStore("phone").get("self");
      get.onsuccess = () => resolve({
        extractable: get.result.privateKey.extractable, usages: get.result.privateKey.usages, names: Object.keys(get.result),
      });
      get.onerror = reject;
      open.result.close();
    };
  }));
  assert.deepEqual(key.usages, ["sign"]);
  assert.equal(key.extractable, false);
  const devices = stage.server.command(["device", "list", "--user", "ada"]);
  assert.equal((devices.devices ?? devices).length, 1);
});

test("a wrong password enrols nothing", async () => {
  const stranger = await stage.phone();
  await stranger.goto(`${stage.issuer}/phone`);
  await stranger.locator("form#enrol input[name=username]").fill("ada");
  await stranger.locator("form#enrol input[name=password]").fill("this is not the password");
  await stranger.locator("form#enrol input[name=agree]").check();
  await stranger.locator("button#enrol-submit").tap();
  await stranger.locator("#enrol-problem", { hasText: "wrong" }).waitFor();
  assert.equal((await stranger.authenticator.credentials()).length, 0);
});

test("a browser is signed in by the phone, from the pixels to the ID token", async () => {
  const desktop = await stage.desktop();
  await begin(desktop, shop);
  const link = await readScreen(desktop);
  assert.match(link, new RegExp(`^${stage.issuer}/s#1[A-Za-z0-9_-]{22}$`));

  await phone.goto(link);
  await phone.waitForURL(`${stage.issuer}/phone`);
  await claim(phone, "claimed");
  assert.equal(await fact(phone, "client"), "The shop");
  assert.equal(await fact(phone, "host"), "localhost");
  assert.equal(await fact(phone, "provider"), "localhost");
  assert.match(await fact(phone, "browser"), /Chrom/);
  assert.match(await fact(phone, "system"), /Linux/);
  assert.match(await fact(phone, "known"), /^New/);
  assert.equal(await fact(phone, "proximity"), "Same address as this phone");
  assert.ok(!(await phone.content()).includes(link.split("#1")[1]), "the channel id is shown on the phone");

  await panel(desktop, "claimed");
  assert.equal(await desktop.locator("#qr-image").count(), 0, "a claimed code is not shown any more");
  await approve(phone, await checkCode(desktop));
  const claims = await inside(desktop, shop);
  await claim(phone, "approved");
  assert.equal(claims.acr, "urn:latchbolt:acr:qr");
  assert.deepEqual(claims.amr, BY_PHONE);
  assert.ok(Math.abs(claims.auth_time - Date.now() / 1000) < 60);

  // The phone lists what it let in, and ends it.
  await phone.locator("#claim-close").tap();
  const row = phone.locator("#session-list li");
  await row.waitFor();
  await row.locator("button").tap();
  await phone.locator("#session-list", { hasText: "Ended." }).waitFor();
  await begin(desktop, shop);

  // In a browser its owner used before, the phone says so and the class is the better one.
  await scanAndClaim(phone, desktop);
  assert.match(await fact(phone, "known"), /used it before/);
  await approve(phone, await checkCode(desktop));
  assert.equal((await inside(desktop, shop)).acr, "urn:latchbolt:acr:qr-known-browser");
});

test("without a verified owner nothing is approved", async () => {
  const desktop = await stage.desktop();
  await begin(desktop, shop);
  await scanAndClaim(phone, desktop);
  await phone.authenticator.verifies(false);
  try {
    await approve(phone, await checkCode(desktop));
    await phone.locator("#claim-problem").waitFor();
    await claim(phone, "claimed");
    await panel(desktop, "claimed");
  } finally {
    await phone.authenticator.verifies(true);
  }
  // Denying needs no passkey.
  await phone.locator("button#deny").tap();
  await claim(phone, "denied");
  await panel(desktop, "denied");
});

test("a code opened on a phone that is not enrolled leads to its enrolment", async () => {
  const desktop = await stage.desktop();
  await begin(desktop, shop);
  const fresh = await stage.phone();
  await scan(fresh, desktop);
  await fresh.locator("#enrolling [data-when=scanned]").waitFor();
  await panel(desktop, "waiting");
});

test("sec_070 a second phone needs more than the password", async () => {
  const desktop = await stage.desktop();
  await desktop.goto(`${stage.issuer}/login`);
  await signInByPassword(desktop, "ada", password);
  await desktop.locator("#signed-in").waitFor();
  await desktop.goto(`${stage.issuer}/phone/add`);
  await desktop.locator("form#confirm").waitFor();
  assert.equal(await desktop.locator("button#make-submit").count(), 0);
});

test("a phone is enrolled by the code that a signed-in desktop shows", async () => {
  // A first phone: who has one already proves more than a password (SEC-070).
  const first = stage.server.user("bea");
  const desktop = await stage.desktop();
  await desktop.goto(`${stage.issuer}/login`);
  await signInByPassword(desktop, "bea", first);
  await desktop.locator("#signed-in").waitFor();
  await desktop.goto(`${stage.issuer}/phone/add`);
  await desktop.locator("button#make-submit").click();
  await desktop.locator("#enrol-qr").waitFor();
  const link = await desktop.locator("#enrol-link").inputValue();
  const second = await stage.phone();
  await second.goto(link);
  await second.locator("form#enrol input[name=agree]").check();
  assert.ok(await second.locator("form#enrol input[name=password]").isHidden());
  await second.locator("button#enrol-submit").tap();
  await second.locator("#enrolled-now").waitFor();
  assert.equal(await second.locator("#greeting").innerText(), "Hello, bea");
  // Spent: the same link enrols no further phone.
  const third = await stage.phone();
  await third.goto(link);
  await third.locator("form#enrol input[name=agree]").check();
  await third.locator("button#enrol-submit").tap();
  await third.locator("#enrol-problem").waitFor();
});
