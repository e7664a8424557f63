// What a phone may answer besides yes, who may answer, and which browser it is about.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import {
  BY_PHONE, Stage, approve, begin, checkCode, claim, fact, inside, otherThan, panel, readScreen, scanAndClaim,
} from "./stage.mjs";

let stage;
let shop;
let library;
let phone;
let second;

before(async () => {
  stage = await Stage.raise();
  [shop, library] = [await stage.party("shop"), await stage.party("library")];
  phone = await stage.enrolledPhone("ada", stage.server.user("ada"));
  second = await stage.enrolledPhone("ben", stage.server.user("ben"));
});
afterEach(() => stage.assertQuiet());
after(() => stage?.strike());

test("a number mistyped once does no harm", async () => {
  const desktop = await stage.desktop();
  await begin(desktop, shop);
  await scanAndClaim(phone, desktop);
  const code = await checkCode(desktop);
  await approve(phone, otherThan(code));
  await phone.locator("#claim-problem", { hasText: "Tries left: 2" }).waitFor();
  assert.equal(await phone.locator("input[name=check_code]").inputValue(), "");
  await approve(phone, code);
  assert.deepEqual((await inside(desktop, shop)).amr, BY_PHONE);
});

test("three wrong numbers deny the sign-in on both sides", async () => {
  const desktop = await stage.desktop();
  await begin(desktop, shop);
  await scanAndClaim(phone, desktop);
  const wrong = otherThan(await checkCode(desktop));
  for (const left of [2, 1]) {
    await approve(phone, wrong);
    await phone.locator("#claim-problem", { hasText: `Tries left: ${left}` }).waitFor();
  }
  await approve(phone, wrong);
  await claim(phone, "denied");
  await panel(desktop, "denied");
  assert.equal(await desktop.locator("#check-code").count(), 0);
});

test("without a number nothing is sent", async () => {
  const desktop = await stage.desktop();
  await begin(desktop, shop);
  await scanAndClaim(phone, desktop);
  await phone.locator("button#approve").tap();
  await phone.locator("#claim-problem", { hasText: "three digits" }).waitFor();
  await claim(phone, "claimed");
});

test("denied: the browser says so and offers a new code that works", async () => {
  const desktop = await stage.desktop();
  await begin(desktop, shop);
  await scanAndClaim(phone, desktop);
  await phone.locator("button#deny").tap();
  await claim(phone, "denied");
  await panel(desktop, "denied");
  await desktop.locator("button#qr-refresh").click();
  await panel(desktop, "waiting");
  await scanAndClaim(phone, desktop);
  await approve(phone, await checkCode(desktop));
  assert.deepEqual((await inside(desktop, shop)).amr, BY_PHONE);
});

test("the person at the browser sends a phone away that is not theirs", async () => {
  const desktop = await stage.desktop();
  await begin(desktop, shop);
  await scanAndClaim(phone, desktop);
  const code = await checkCode(desktop);
  await desktop.locator("#qr-not-mine").click();
  await panel(desktop, "waiting");
  await approve(phone, code);
  await claim(phone, "expired");
  await panel(desktop, "waiting");
});

test("of two phones that race for a code one gets it and the other is told", async () => {
  const desktop = await stage.desktop();
  await begin(desktop, shop);
  const link = await readScreen(desktop);
  await Promise.all([phone.goto(link), second.goto(link)]);
  const settled = (page) => page.locator("#claim:is([data-state=claimed], [data-state=expired])").waitFor();
  await Promise.all([settled(phone), settled(second)]);
  const states = await Promise.all([phone, second].map((page) => page.locator("#claim").getAttribute("data-state")));
  assert.deepEqual([...states].sort(), ["claimed", "expired"]);
  const [winner, loser] = states[0] === "claimed" ? [phone, second] : [second, phone];
  assert.match(await loser.locator("#claim [data-on=expired]").innerText(), /another phone has it/);
  await panel(desktop, "claimed");
  await approve(winner, await checkCode(desktop));
  const [{ sub }, session] = [await inside(desktop, shop), desktop.context()];
  assert.ok(sub);
  await session.close();

  // A phone that comes after the end learns nothing either.
  await loser.goto(link);
  await claim(loser, "expired");
});

test("two tabs with two relying parties: each phone's yes is for its own tab", async () => {
  const context = await stage.profile();
  const [left, right] = [await context.newPage(), await context.newPage()];
  await begin(left, shop);
  await begin(right, library);
  await scanAndClaim(phone, right);
  assert.equal(await fact(phone, "client"), "The library");
  await scanAndClaim(second, left);
  assert.equal(await fact(second, "client"), "The shop");
  await panel(right, "claimed");

  // A number read in the other tab is wrong here, unless both happen to be the same.
  const [forShop, forLibrary] = [await checkCode(left), await checkCode(right)];
  if (forShop !== forLibrary) {
    await approve(phone, forShop);
    await phone.locator("#claim-problem", { hasText: "Tries left: 2" }).waitFor();
  }
  await approve(phone, forLibrary);
  const ada = await inside(right, library);
  assert.deepEqual(ada.amr, BY_PHONE);
  // The other tab is still its own sign-in, of another person.
  await panel(left, "claimed");
  await approve(second, forShop);
  const ben = await inside(left, shop);
  assert.deepEqual(ben.amr, BY_PHONE);
  assert.notEqual(ben.sub, ada.sub);
});

// Last: what is reported slows its network down for a while (SEC-029).
test("reported: both sides say so, and nobody is signed in", async () => {
  const desktop = await stage.desktop();
  await begin(desktop, shop);
  await scanAndClaim(phone, desktop);
  await phone.locator("button#report").tap();
  await claim(phone, "reported");
  await panel(desktop, "denied");
  await begin(desktop, shop);
});
