// The server's word is the truth: a page that is loaded again, or was cut off, shows where the sign-in stands.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import {
  BY_PHONE, Stage, approve, begin, checkCode, claim, inside, panel, readScreen, scan, scanAndClaim,
} from "./stage.mjs";

let stage;
let shop;
let phone;

export function reload() {
  before(async () => {
    stage = await Stage.raise();
    shop = await stage.party("shop");
    phone = await stage.enrolledPhone("ada", stage.server.user("ada"));
  });
  afterEach(() => stage.assertQuiet());
  after(() => stage?.strike());

  test("reloaded while waiting: another code, which works", async () => {
    const desktop = await stage.desktop();
    await begin(desktop, shop);
    const first = await readScreen(desktop);
    await desktop.reload();
    assert.notEqual(await readScreen(desktop), first);
    await scanAndClaim(phone, desktop);
    await approve(phone, await checkCode(desktop));
    assert.deepEqual((await inside(desktop, shop)).amr, BY_PHONE);
  });

  test("reloaded while claimed: the same number, and the phone may still approve", async () => {
    const desktop = await stage.desktop();
    await begin(desktop, shop);
    await scanAndClaim(phone, desktop);
    const code = await checkCode(desktop);
    await desktop.reload();
    await panel(desktop, "claimed");
    assert.equal(await checkCode(desktop), code);
    assert.equal(await desktop.locator("#qr-image").count(), 0);
    await approve(phone, code);
    assert.deepEqual((await inside(desktop, shop)).amr, BY_PHONE);
  });

  test("reloaded between approval and the end: it goes on", async () => {
    const desktop = await stage.desktop();
    await begin(desktop, shop);
    await scanAndClaim(phone, desktop);
    const code = await checkCode(desktop);
    const isRedeem = (url) => url.pathname === "/login/phone";
    await desktop.route(isRedeem, (route) => route.fulfill({ status: 204 }));
    // The page asks for its state once more before it sends the form: only a form that was held has been held.
    const held = desktop.waitForResponse((answer) => isRedeem(new URL(answer.url())));
    await approve(phone, code);
    await panel(desktop, "approved");
    await desktop.locator("#phone-continue").waitFor();
    await held;
    await desktop.unroute(isRedeem);
    await desktop.reload();
    assert.deepEqual((await inside(desktop, shop)).amr, BY_PHONE);
    // What was redeemed is spent: going back leads to no second sign-in with it.
    await desktop.context().clearCookies({ name: "__Host-lb_session" });
    await desktop.goBack();
    await desktop.locator("#ways, #refused").waitFor();
  });

  test("reloaded after a denial: a fresh code, never the old end", async () => {
    const desktop = await stage.desktop();
    await begin(desktop, shop);
    await scanAndClaim(phone, desktop);
    await phone.locator("button#deny").tap();
    await panel(desktop, "denied");
    await desktop.reload();
    await panel(desktop, "waiting");
    await scanAndClaim(phone, desktop);
  });

  test("nobody looks for long: the code ends by itself, and comes again when asked for", async () => {
    const desktop = await stage.desktop();
    await desktop.clock.install();
    await begin(desktop, shop);
    const first = await readScreen(desktop);
    // The page's clock only: five minutes with nobody at it.
    await desktop.clock.fastForward(300_000);
    await panel(desktop, "expired");
    assert.equal(await desktop.locator("#qr-image").count(), 0);
    await desktop.reload();
    assert.notEqual(await readScreen(desktop), first);
    await desktop.clock.fastForward(300_000);
    await panel(desktop, "expired");
    await desktop.locator("button#qr-refresh").click();
    await scan(phone, desktop);
    await claim(phone, "claimed");
  });

  test("codes replace one another silently before they end", async () => {
    const desktop = await stage.desktop();
    await desktop.clock.install();
    await begin(desktop, shop);
    const first = await readScreen(desktop);
    const drawn = await desktop.locator("#qr-image path").getAttribute("d");
    await desktop.clock.fastForward(58_000);
    await desktop.waitForFunction((old) => {
      const path = document.querySelector("#qr-image path");
      return path && path.getAttribute("d") !== old;
    }, drawn);
    assert.notEqual(await readScreen(desktop), first);
  });

  test("the connection is cut while waiting, and comes back", async () => {
    const desktop = await stage.desktop();
    await begin(desktop, shop);
    await panel(desktop, "waiting");
    await desktop.context().setOffline(true);
    await panel(desktop, "offline");
    await desktop.context().setOffline(false);
    await panel(desktop, "waiting");
    await scanAndClaim(phone, desktop);
    await approve(phone, await checkCode(desktop));
    assert.deepEqual((await inside(desktop, shop)).amr, BY_PHONE);
  });

  test("the phone approves while the browser is cut off", async () => {
    const desktop = await stage.desktop();
    await begin(desktop, shop);
    await scanAndClaim(phone, desktop);
    const code = await checkCode(desktop);
    await desktop.context().setOffline(true);
    await panel(desktop, "offline");
    await approve(phone, code);
    await claim(phone, "approved");
    await desktop.context().setOffline(false);
    assert.deepEqual((await inside(desktop, shop)).amr, BY_PHONE);
  });

  test("the phone is cut off: nothing was sent, and the same tap works later", async () => {
    const desktop = await stage.desktop();
    await begin(desktop, shop);
    await scanAndClaim(phone, desktop);
    const code = await checkCode(desktop);
    await phone.context().setOffline(true);
    await approve(phone, code);
    await phone.locator("#claim-problem", { hasText: "No connection" }).waitFor();
    await panel(desktop, "claimed");
    await phone.context().setOffline(false);
    await phone.locator("button#approve").tap();
    assert.deepEqual((await inside(desktop, shop)).amr, BY_PHONE);
  });

  test("streams that something between us cuts are replaced by asking", async () => {
    const desktop = await stage.desktop();
    await desktop.route((url) => url.pathname === "/login/wait", (route) => route.fulfill({ status: 502, body: "" }));
    await begin(desktop, shop);
    await readScreen(desktop);
    await scanAndClaim(phone, desktop);
    await approve(phone, await checkCode(desktop));
    assert.deepEqual((await inside(desktop, shop)).amr, BY_PHONE);
    stage.complaints = stage.complaints.filter((line) => !line.startsWith("502 "));
  });

  // Last: the server forgets sign-ins on their way.
  test("the server starts anew: the page says that the connection is lost, then offers a new start", async () => {
    const desktop = await stage.desktop();
    await begin(desktop, shop);
    await scanAndClaim(phone, desktop);
    const code = await checkCode(desktop);
    await stage.server.stop();
    await panel(desktop, "offline");
    await stage.server.run();
    await panel(desktop, "expired");
    await approve(phone, code);
    await claim(phone, "expired");
    await desktop.locator("button#qr-refresh").click();
    await desktop.locator("main#refused[data-error=gone]").waitFor();
    // Back at the relying party everything works again: accounts and phones were kept.
    await begin(desktop, shop);
    await scanAndClaim(phone, desktop);
    await approve(phone, await checkCode(desktop));
    assert.deepEqual((await inside(desktop, shop)).amr, BY_PHONE);
  });
}
