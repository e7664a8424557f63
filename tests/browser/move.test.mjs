// A new phone takes the place of an old one, with both phones' pages.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { look } from "./look.mjs";
import {
  BY_PHONE, Stage, approve, begin, checkCode, claim, inside, otherThan, panel, readScreen, scan, scanAndClaim,
} from "./stage.mjs";

let stage;
let shop;
let passwords;

before(async () => {
  stage = await Stage.raise();
  passwords = { ada: stage.server.user("ada"), bob: stage.server.user("bob") };
  shop = await stage.party("shop");
});
afterEach(() => stage.assertQuiet());
after(() => stage?.strike());

const state = (page, screen, word) => page.locator(`#${screen}[data-state="${word}"]`).waitFor();
const activeDevices = (name) => {
  const told = stage.server.command(["device", "list", "--user", name]);
  return (told.devices ?? told).filter((device) => device.state === "active");
};

/** A new phone shows its offer; answers the link in it. */
async function offered() {
  const fresh = await stage.phone();
  await fresh.goto(`${stage.issuer}/phone`);
  await fresh.locator("#use-other").tap();
  await state(fresh, "offering", "waiting");
  await fresh.locator("#offer-code svg").waitFor();
  await fresh.locator("#offering summary").tap();
  const link = await fresh.locator("#offer-link").innerText();
  assert.match(link, new RegExp(`^${stage.issuer}/phone#m1[A-Za-z0-9_-]{22}$`));
  return { fresh, link };
}

/** The owner of the old phone chooses to move and gives it the link. */
async function taken(old, link) {
  await old.locator("#move-go").tap();
  await old.locator("#moving details summary").tap();
  await old.locator("#move-link").fill(link);
  await old.locator("#move-form button").tap();
  await state(old, "moving", "claimed");
}

async function number(fresh) {
  await state(fresh, "offering", "claimed");
  const text = await fresh.locator("#offer-number").innerText();
  assert.match(text, /^[0-9]{3}$/);
  return text;
}

async function answer(old, typed) {
  await old.locator("#move-number").fill(typed);
  await old.locator("#move-approve").tap();
}

test("a move that is turned away, and one with wrong numbers, change nothing", async () => {
  const old = await stage.enrolledPhone("ada", passwords.ada);
  const first = await offered();
  await taken(old, first.link);
  assert.ok(!(await old.content()).includes(await number(first.fresh)), "the number is on the new phone alone");
  await old.locator("#move-deny").tap();
  await state(old, "moving", "denied");
  await state(first.fresh, "offering", "denied");
  await old.locator("#moving [data-go=home][data-on]").tap();

  const second = await offered();
  await taken(old, second.link);
  const right = await number(second.fresh);
  // Without a verified owner nothing is handed over.
  await old.authenticator.verifies(false);
  await answer(old, right);
  await old.locator("#move-problem:visible").waitFor();
  await state(old, "moving", "claimed");
  await old.authenticator.verifies(true);
  for (const left of [2, 1]) {
    await answer(old, otherThan(right));
    await old.locator("#move-problem", { hasText: `left: ${left}` }).waitFor();
  }
  await answer(old, otherThan(right));
  await state(old, "moving", "denied");
  await state(second.fresh, "offering", "denied");
  // The old one still signs in.
  const desktop = await stage.desktop();
  await begin(desktop, shop);
  await scanAndClaim(old, desktop);
  await approve(old, await checkCode(desktop));
  await inside(desktop, shop);
  await claim(old, "approved");
});

test("the new phone signs in from then on, the old one does not", async () => {
  const old = await stage.enrolledPhone("bob", passwords.bob);
  const { fresh, link } = await offered();
  await look(fresh, "move-offer");
  await old.locator("#move-go").tap();
  await look(old, "move-explained");
  // Its camera app opens the link in the code.
  await old.goto(link);
  await state(old, "moving", "claimed");
  const typed = await number(fresh);
  await look(old, "move-asked");
  await look(fresh, "move-number");
  await answer(old, typed);
  await state(old, "moving", "approved");
  await fresh.locator("#enrolling [data-when=moving]").waitFor();
  assert.ok(await fresh.locator("form#enrol input[name=password]").isHidden());
  await look(fresh, "move-enrolling");
  // Until it has finished, the old one is the key; nothing happens without agreement.
  await fresh.locator("#enrol-submit").tap();
  await fresh.locator("#enrol-problem:visible").waitFor();
  const before = activeDevices("bob");
  assert.equal(before.length, 1);
  await fresh.locator("form#enrol input[name=agree]").check();
  await fresh.locator("#enrol-submit").tap();
  await fresh.locator("#enrolled-now").waitFor();
  await state(old, "moving", "moved");
  await look(old, "move-moved");
  const now = activeDevices("bob");
  assert.deepEqual(now.map(({ id, name }) => [id, name]), before.map(({ id, name }) => [id, name]), "it is the same device");

  const desktop = await stage.desktop();
  await begin(desktop, shop);
  await scanAndClaim(fresh, desktop);
  await approve(fresh, await checkCode(desktop));
  assert.deepEqual((await inside(desktop, shop)).amr, BY_PHONE);

  // The old one forgot its key: a code leads to its enrolment.
  const other = await stage.desktop();
  await begin(other, shop);
  await scan(old, other);
  await old.locator("#enrolling [data-when=scanned]").waitFor();
  await panel(other, "waiting");
  // What the old page said is over stays over.
  await old.goto(`${stage.issuer}/phone`);
  await old.locator("#enrolling").waitFor();
  assert.match(await readScreen(other), /\/s#1/);
});
