// A phone gets another key: the old one does nothing any more, whatever happens on the way.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { press } from "./keyboard.mjs";
import { look } from "./look.mjs";
import { BY_PHONE, Stage, approve, begin, checkCode, claim, inside, scanAndClaim } from "./stage.mjs";

let stage;
let shop;
let phone;

before(async () => {
  stage = await Stage.raise();
  shop = await stage.party("shop");
  phone = await stage.enrolledPhone("ada", stage.server.user("ada"));
});
afterEach(() => stage.assertQuiet());
after(() => stage?.strike());

/** Runs this on what the phone keeps of itself; the keys are handles and stay in the page. */
const kept = (page, deed) => page.evaluate((deed) => new Promise((resolve, reject) => {
  const open = indexedDB.open("latchbolt-phone");
  open.onerror = reject;
  open.onsuccess = () => {
    const store = open.result.transaction("phone", "readwrite").objectStore("phone");
    const get = store.get("self");
    get.onsuccess = () => {
      if (deed === "remember") globalThis.before = get.result;
      if (deed === "put back") store.put(globalThis.before, "self");
      resolve({ thumbprint: get.result.thumbprint ?? null, next: get.result.next?.thumbprint ?? null, extractable: get.result.privateKey.extractable });
    };
    store.transaction.oncomplete = () => open.result.close();
  };
}), deed);

async function home(page) {
  await page.goto(`${stage.issuer}/phone`);
  await page.locator("#renew-go:visible").waitFor();
}

async function assertSignsIn(page) {
  const desktop = await stage.desktop();
  await begin(desktop, shop);
  await scanAndClaim(page, desktop);
  await approve(page, await checkCode(desktop));
  assert.deepEqual((await inside(desktop, shop)).amr, BY_PHONE);
  await claim(page, "approved");
  await desktop.context().close();
}

const isKey = (url) => url.pathname === "/api/phone/v1/devices/self/key";

test("by keyboard alone: a new key, and the old one does nothing any more", async () => {
  await home(phone);
  await press(phone, "#renew-go");
  await phone.locator("#renewing:visible").waitFor();
  await look(phone, "phone-renewing");
  await press(phone, "#renew");
  await phone.locator("#renewed-now:visible").waitFor();
  await phone.locator("#renew-go:visible").waitFor();
  await look(phone, "phone-renewed");
  const first = await kept(phone, "read");
  assert.ok(first.thumbprint);
  assert.equal(first.next, null);
  assert.equal(first.extractable, false);
  await assertSignsIn(phone);
});

test("without a verified owner the key stays", async () => {
  await home(phone);
  const { thumbprint } = await kept(phone, "read");
  await phone.locator("#renew-go").tap();
  await phone.authenticator.verifies(false);
  await phone.locator("#renew").tap();
  await phone.locator("#renew-problem:visible").waitFor();
  await phone.authenticator.verifies(true);
  assert.equal((await kept(phone, "read")).thumbprint, thumbprint);
  await phone.locator("#renew-cancel").tap();
  await assertSignsIn(phone);
});

test("an answer that is lost on the way leaves no phone without a key", async () => {
  // The service took the new key, the phone does not hear of it and asks again who it is.
  await home(phone);
  await phone.route(isKey, async (route) => {
    await route.fetch();
    await route.abort();
  });
  await phone.locator("#renew-go").tap();
  await phone.locator("#renew").tap();
  await phone.locator("#renewed-now:visible").waitFor();
  await phone.unroute(isKey);
  const once = await kept(phone, "read");
  assert.equal(once.next, null);

  // Nor does it reach the service afterwards: it finds out when the page is opened again.
  await home(phone);
  await phone.route(isKey, async (route) => {
    await route.fetch();
    await phone.context().setOffline(true);
    await route.abort();
  });
  await phone.locator("#renew-go").tap();
  await phone.locator("#renew").tap();
  await phone.locator("#renew-problem:visible").waitFor();
  await phone.unroute(isKey);
  await phone.context().setOffline(false);
  assert.ok((await kept(phone, "read")).next);
  await home(phone);
  const twice = await kept(phone, "read");
  assert.notEqual(twice.thumbprint, once.thumbprint);
  assert.equal(twice.next, null);
  await assertSignsIn(phone);
});

test("a request that never arrived leaves the old key, and it may be tried again", async () => {
  await home(phone);
  const { thumbprint } = await kept(phone, "read");
  await phone.route(isKey, (route) => route.abort());
  await phone.locator("#renew-go").tap();
  await phone.locator("#renew").tap();
  await phone.locator("#renew-problem", { hasText: "The connection was cut" }).waitFor();
  await phone.unroute(isKey);
  await home(phone);
  assert.equal((await kept(phone, "read")).thumbprint, thumbprint);
  await assertSignsIn(phone);
});

test("another tab goes on with the new key, and the old key alone is nobody", async () => {
  await home(phone);
  const other = await phone.context().newPage();
  await home(other);
  await kept(other, "remember");
  await phone.bringToFront();
  await phone.locator("#renew-go").tap();
  await phone.locator("#renew").tap();
  await phone.locator("#renewed-now:visible").waitFor();
  // The other tab still holds the old key, and looks when somebody comes back to it.
  await other.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await other.locator("#renew-go:visible").waitFor();
  await other.locator("#again").waitFor({ state: "hidden" });
  // Somebody who copied the old key: not known any more.
  await kept(other, "put back");
  await other.reload();
  await other.locator("#again:visible").waitFor();
  assert.match(await other.locator("#not-active").innerText(), /removed/);
});
