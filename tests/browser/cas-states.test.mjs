// The panel for apps made for CAS in every state, and its fences: pictures, axe, the keyboard, no complaint.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { Service, openPanel, panelIs as state, register, token, withApps } from "../cas.mjs";
import { AppSite, publish, readChannel } from "./cas-app.mjs";
import { press, tabTo, type } from "./keyboard.mjs";
import { look } from "./look.mjs";
import { Stage, begin, inside } from "./stage.mjs";

const DEVICE = "ada-phone";

/** A server with this fence, someone with an app, and a service. */
function ground(fence, settings = {}) {
  const at = {};
  before(async () => {
    at.app = await AppSite.start();
    at.stage = await Stage.raise({ ...withApps({ fence, allowed_origins: [at.app.origin] }), ...settings });
    at.password = at.stage.server.user("ada");
    register(at.stage.server, "ada", DEVICE, "Ada's phone");
    at.forum = await Service.start(at.stage.server, "forum", {
      client_name: "The club's forum", service: { texts: { en: "Members only: use the account of the club.", de: "Nur für Mitglieder." } },
    });
    at.phone = await (await at.stage.profile()).newPage();
    await at.phone.goto(at.app.origin);
    at.held = await token(at.stage.issuer, "ada", at.password, DEVICE);
    at.approve = async (page, more = {}) => {
      const channel = await readChannel(page);
      await publish(at.phone, at.stage.issuer, ["websocket"], { channel, device: DEVICE, token: at.held, ...more });
    };
    at.user = async (page) => {
      await page.waitForURL(`${at.forum.address}?**`);
      return JSON.parse(await page.locator("#validated").innerText()).user;
    };
  });
  afterEach(() => at.stage.assertQuiet());
  after(async () => {
    await at.forum?.close();
    await at.stage?.strike();
    await at.app?.close();
  });
  return at;
}

const code = (url) => url.pathname === "/cas/login/code";

describe("confirm", () => {
  const at = ground("confirm");

  test("closed, preparing, shown, failed", async () => {
    const page = await at.stage.desktop();
    await page.goto(at.forum.login);
    await state(page, "closed");
    await look(page, "cas-closed");
    let go;
    const held = new Promise((done) => (go = done));
    await page.route(code, async (route) => {
      await held;
      await route.continue();
    });
    await page.locator("#qrlogin > summary").click();
    await state(page, "preparing");
    await look(page, "cas-preparing");
    go();
    await state(page, "shown");
    await look(page, "cas-shown");
    await at.approve(page, { token: "this-is-no-token" });
    await page.locator("#qrerror").waitFor();
    await look(page, "cas-failed");
  });

  test("over, too many, lost", async () => {
    const page = await at.stage.desktop();
    await page.clock.install();
    await page.goto(at.forum.login);
    await openPanel(page);
    await page.clock.fastForward(400_000);
    await state(page, "over");
    await look(page, "cas-over");
    await page.route(code, (route) => route.fulfill({ status: 429, headers: { "retry-after": "30" }, json: { code: "slow_down" } }));
    await page.locator("#qrrefresh").click();
    await state(page, "slow");
    await look(page, "cas-slow");
    await page.unrouteAll();
    await page.route(code, (route) => route.abort());
    await page.locator("#qrrefresh").click();
    await state(page, "offline");
    await look(page, "cas-offline");
    await page.unrouteAll();
    // By itself, sooner or later.
    await state(page, "shown");
  });

  test("approved, the question, too late, declined, not taken", async () => {
    const page = await at.stage.desktop();
    await page.goto(at.forum.login);
    await openPanel(page);
    await page.route((url) => url.pathname === "/cas/login", (route) => route.fulfill({ status: 204 }));
    await at.approve(page);
    await state(page, "approved");
    await look(page, "cas-approved");
    const other = await at.stage.desktop();
    // Looking takes its time, and the question has half a minute.
    for (const isLast of [false, true]) {
      await other.goto(at.forum.login);
      await openPanel(other);
      await at.approve(other);
      await other.locator("#cas-confirm").waitFor();
      if (!isLast) await look(other, "cas-confirm");
    }
    await press(other, "#cas-confirm-no", "This is not me");
    await other.locator("#app-declined").waitFor();
    await look(other, "cas-declined");
    const third = await at.stage.desktop();
    await third.clock.install();
    await third.goto(at.forum.login);
    await openPanel(third);
    await at.approve(third);
    await third.locator("#cas-confirm").waitFor();
    await third.clock.fastForward(31_000);
    await third.locator("#cas-confirm-late").waitFor();
    await look(third, "cas-confirm-late");
    await third.locator("#cas-confirm-again a").click();
    await openPanel(third);
    await third.evaluate(() => {
      const { elements } = document.getElementById("qrform");
      elements.token.value = elements.deviceId.value = "made-up";
      document.getElementById("qrform").submit();
    });
    await third.locator("#login-error").waitFor();
    await state(third, "shown");
    await look(third, "cas-not-taken");
  });

  test("in German, on a phone's screen, without JavaScript", async () => {
    const page = await at.stage.desktop({ locale: "de-DE" });
    await page.goto(at.forum.login);
    await openPanel(page);
    await look(page, "cas-shown-de");
    const bare = await at.stage.desktop({ javaScriptEnabled: false, viewport: { width: 320, height: 640 } });
    await bare.goto(at.forum.login);
    await bare.locator("#qrlogin > summary").click();
    await bare.screenshot({ path: new URL("../out/screens/cas-no-script-320.png", import.meta.url).pathname, fullPage: true });
  });
});

describe("same network", () => {
  const at = ground("same-network");

  test("whoever is near is signed in without a question", async () => {
    const page = await at.stage.desktop();
    await page.goto(at.forum.login);
    await openPanel(page);
    await at.approve(page);
    assert.equal(await at.user(page), "ada");
    const shop = await at.stage.party("shop", { latchbolt_cas_apps: true });
    const other = await at.stage.desktop();
    await begin(other, shop);
    await openPanel(other);
    await at.approve(other);
    assert.deepEqual((await inside(other, shop)).amr, ["mca"]);
  });
});

describe("username", () => {
  const at = ground("username", { sign_in: { methods: ["password", "passkey"] } });

  test("the name is asked for first, then the code is shown: by the keyboard alone", async () => {
    const page = await at.stage.desktop();
    await page.goto(at.forum.login);
    await press(page, "#qrlogin > summary", "Sign in with a CAS app");
    await state(page, "asking");
    assert.equal(await page.evaluate(() => document.activeElement.id), "qrusername");
    assert.ok(await page.locator(".app-code").isHidden());
    await look(page, "cas-name");
    await page.keyboard.press("Enter");
    // Nothing is shown without one.
    assert.equal(await page.locator("#qrcode").count(), 0);
    await type(page, "#qrusername", "ada");
    await page.keyboard.press("Enter");
    await state(page, "shown");
    await look(page, "cas-name-shown");
    await at.approve(page);
    assert.equal(await at.user(page), "ada");
  });

  test("only the person who was named can approve", async () => {
    at.stage.server.user("bea");
    const page = await at.stage.desktop();
    await page.goto(at.forum.login);
    await page.locator("#username").fill("bea");
    await press(page, "#qrlogin > summary", "Sign in with a CAS app");
    await state(page, "asking");
    assert.equal(await page.locator("#qrusername").inputValue(), "bea");
    await tabTo(page, "#qrshow");
    await page.keyboard.press("Enter");
    await at.approve(page);
    await page.locator("#qrerror").waitFor();
    await type(page, "#qrusername", "ada");
    await page.keyboard.press("Enter");
    await page.locator("#qrerror").waitFor({ state: "hidden" });
    await at.approve(page);
    assert.equal(await at.user(page), "ada");
  });

  test("a name that nobody can have is asked for again", async () => {
    const page = await at.stage.desktop();
    await page.goto(at.forum.login);
    await page.locator("#qrlogin > summary").click();
    await page.locator("#qrusername").fill("\u0001");
    await page.locator("#qrshow").click();
    await state(page, "asking");
    assert.equal(await page.locator("#qrcode").count(), 0);
  });
});
