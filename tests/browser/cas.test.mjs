// Signing in with a phone app made for CAS: from the pixels of its code to a ticket and to an ID token.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { Service, askToken, openPanel, panelIs as state, register, token as tokenOf, withApps } from "../cas.mjs";
import { AppSite, appOfIssuer, publish, readChannel } from "./cas-app.mjs";
import { press } from "./keyboard.mjs";
import { Stage, begin, inside, signInByPassword } from "./stage.mjs";

const DEVICE = "Ada.Phone-1";
const TRANSPORTS = ["websocket", "xhr-streaming", "eventsource", "xhr-polling"];

const FRAMED = ["iframe-eventsource", "iframe-htmlfile", "iframe-xhr-polling"];

let stage;
let app;
let phone;
let forum;
let shop;
let password;
let held;
const lines = { en: "Members' forum & <b>library</b>", de: "Forum der Mitglieder" };
let club;

before(async () => {
  app = await AppSite.start();
  stage = await Stage.raise(withApps({ allowed_origins: [app.origin] }));
  password = stage.server.user("ada");
  register(stage.server, "ada", DEVICE, "Ada's phone");
  forum = await Service.start(stage.server, "forum", { service: { attributes: { nick: "preferred_username" } } });
  club = await Service.start(stage.server, "club", { service: { texts: lines } });
  shop = await stage.party("shop", { latchbolt_cas_apps: true });
  phone = await (await stage.profile()).newPage();
  await phone.goto(app.origin);
  held = await tokenOf(stage.issuer, "ada", password, DEVICE);
});
afterEach(() => stage.assertQuiet());
after(async () => {
  await forum?.close();
  await club?.close();
  await stage?.strike();
  await app?.close();
});

/** The app approves what this page shows. */
async function approve(page, transport = "websocket", more = {}) {
  const channel = await readChannel(page);
  const used = await publish(phone, stage.issuer, [transport], { channel, device: DEVICE, token: held, ...more });
  assert.equal(used, transport);
}

/** The person says that the account is theirs. */
async function confirm(page) {
  await page.locator("#cas-confirm").waitFor();
  assert.equal(await page.locator("h1").innerText(), "Continue as ada?");
  assert.match(await page.locator("#cas-confirm-form").innerText(), /The phone app Ada's phone approved/);
  await press(page, "#cas-confirm-yes", "Continue");
}

const validated = async (page) => {
  await page.waitForURL(`${forum.address}?**`);
  return JSON.parse(await page.locator("#validated").innerText());
};

for (const transport of TRANSPORTS) {
  test(`a service of CAS gets a ticket that is good: the app over ${transport}`, async () => {
    const page = await stage.desktop();
    await page.goto(forum.login);
    await openPanel(page);
    await approve(page, transport);
    await confirm(page);
    const { user, attributes } = await validated(page);
    assert.equal(user, "ada");
    assert.deepEqual([attributes.nick].flat(), ["ada"]);
    // One use.
    assert.deepEqual(await forum.validate(new URL(page.url()).searchParams.get("ticket")), { failure: "INVALID_TICKET" });
  });

  test(`an OpenID Connect relying party gets a code and an ID token: the app over ${transport}`, async () => {
    const page = await stage.desktop();
    await begin(page, shop);
    await openPanel(page);
    // Nothing is asked for again: the token that the app kept approves this one too.
    await approve(page, transport);
    await confirm(page);
    const claims = await inside(page, shop);
    assert.equal(claims.acr, "urn:latchbolt:acr:cas-app");
    assert.deepEqual(claims.amr, ["mca"]);
    assert.ok(Math.abs(claims.auth_time - Date.now() / 1000) < 120);
  });
}

test("an approval that is not good is said, the page stays, and the code is good for another", async () => {
  const page = await stage.desktop();
  await page.goto(forum.login);
  await openPanel(page);
  const channel = await readChannel(page);
  const address = page.url();
  assert.ok(await page.locator("#qrerror").isHidden());
  await approve(page, "websocket", { token: "this-is-no-token" });
  await page.locator("#qrerror").waitFor();
  assert.equal(await page.locator("#qrerror").getAttribute("role"), "alert");
  assert.equal(page.url(), address);
  assert.equal(await readChannel(page), channel);
  // A good token on a device that is not its own.
  await approve(page, "websocket", { device: "another-phone" });
  assert.equal(await readChannel(page), channel);
  await approve(page);
  await confirm(page);
  assert.equal((await validated(page)).user, "ada");
});

test("five approvals that are not good end the code", async () => {
  const page = await stage.desktop();
  await page.goto(forum.login);
  await openPanel(page);
  const channel = await readChannel(page);
  for (let tries = 0; tries < 5; tries += 1) {
    await publish(phone, stage.issuer, ["websocket"], { channel, device: DEVICE, token: "this-is-no-token" });
  }
  await state(page, "over");
  assert.ok(await page.locator("#qrerror").isVisible());
  assert.equal(await page.locator("#qrcode").count(), 0);
  assert.equal(await page.locator("#qrchannel").inputValue(), "");
  await press(page, "#qrrefresh", "Show a new code");
  assert.notEqual(await readChannel(page), channel);
  assert.ok(await page.locator("#qrerror").isHidden());
});

test("a device that is not registered gets no token", async () => {
  const answer = await askToken(stage.issuer, "ada", password, "not-registered");
  assert.equal(answer.status, 401);
  assert.doesNotMatch(await answer.text(), /device|register/i);
});

test("declining signs nobody in, says so, and the next code is good", async () => {
  const page = await stage.desktop();
  await page.goto(forum.login);
  await openPanel(page);
  await approve(page);
  await page.locator("#cas-confirm").waitFor();
  await press(page, "#cas-confirm-no", "This is not me");
  const said = page.locator("#app-declined");
  await said.waitFor();
  assert.match(await said.innerText(), /^Nobody was signed in\./);
  assert.equal(new URL(page.url()).pathname, "/login");
  // Going back answers nothing: what waited is gone.
  await page.goto(page.url().replace("/login?", "/cas/login/confirm?"));
  await page.locator("form#login").waitFor();
  const asked = await page.goto(`${stage.issuer}/account`);
  assert.equal(new URL(asked.url()).pathname, "/login");
  await page.goto(forum.login);
  await openPanel(page);
  await approve(page);
  await confirm(page);
  assert.equal((await validated(page)).user, "ada");
});

test("the question is still there after a reload, and ends when its time is over", async () => {
  const page = await stage.desktop();
  await page.goto(forum.login);
  await openPanel(page);
  await approve(page);
  await page.locator("#cas-confirm").waitFor();
  await page.clock.install();
  await page.reload();
  assert.equal(await page.locator("h1").innerText(), "Continue as ada?");
  assert.ok(Number(await page.locator("#cas-confirm-seconds").innerText()) <= 30);
  await page.clock.fastForward(31_000);
  await page.locator("#cas-confirm-late").waitFor();
  assert.ok(await page.locator("#cas-confirm-yes").isHidden());
  await page.keyboard.press("Enter");
  await page.locator("#ways").waitFor();
});

test("a handle that is spent or made up leads back to the page, which shows another code", async () => {
  const page = await stage.desktop();
  await page.goto(forum.login);
  await openPanel(page);
  const channel = await readChannel(page);
  const answer = page.waitForResponse((response) => response.request().method() === "POST" && response.url().endsWith("/cas/login"));
  await page.evaluate(() => {
    const form = document.getElementById("qrform");
    form.elements.token.value = "made-up";
    form.elements.deviceId.value = "Ada.Phone-1";
    form.submit();
  });
  assert.equal((await answer).status(), 401);
  assert.match(await page.locator("#login-error").innerText(), /^The approval came too late/);
  assert.notEqual(await readChannel(page), channel);
});

test("codes replace one another, and after a while the person is asked", async () => {
  const page = await stage.desktop();
  await page.clock.install();
  await page.goto(forum.login);
  await openPanel(page);
  const first = await readChannel(page);
  await page.clock.fastForward(58_000);
  await page.waitForFunction((first) => !["", first].includes(document.getElementById("qrchannel").value), first);
  const second = await readChannel(page);
  // The one before is nobody's any more.
  await publish(phone, stage.issuer, ["websocket"], { channel: first, device: DEVICE, token: held });
  assert.equal(await readChannel(page), second);
  await page.clock.fastForward(300_000);
  await state(page, "over");
  assert.equal(await page.locator("#qrcode").count(), 0);
  await page.locator("#qrrefresh").click();
  await page.clock.resume();
  await approve(page);
  await confirm(page);
  assert.equal((await validated(page)).user, "ada");
});

test("closing the panel ends its code, opening it shows another", async () => {
  const page = await stage.desktop();
  await page.goto(forum.login);
  await openPanel(page);
  const channel = await readChannel(page);
  await page.locator("#qrlogin > summary").click();
  await state(page, "closed");
  assert.equal(await page.locator("#qrcode").count(), 0);
  await openPanel(page);
  assert.notEqual(await readChannel(page), channel);
});

test("a lost connection is said and made again by itself, and what was approved meanwhile counts", async () => {
  const page = await stage.desktop();
  const open = new Set();
  let isCut = false;
  await page.routeWebSocket(/\/cas\/qr-websocket\//, (socket) => {
    if (isCut) return socket.close({ code: 1001 });
    socket.connectToServer();
    open.add(socket);
  });
  await page.goto(forum.login);
  await openPanel(page);
  const channel = await readChannel(page);
  isCut = true;
  for (const socket of open) await socket.close({ code: 1001 });
  await state(page, "offline");
  assert.ok(await page.locator("#qrcode").isHidden());
  assert.match(await page.locator("#qrlogin [role=status]").innerText(), /Connection lost/);
  isCut = false;
  await state(page, "shown");
  assert.equal(await readChannel(page), channel);
  isCut = true;
  for (const socket of open) await socket.close({ code: 1001 });
  await publish(phone, stage.issuer, ["websocket"], { channel, device: DEVICE, token: held });
  isCut = false;
  await confirm(page);
  assert.equal((await validated(page)).user, "ada");
});

test("in a frame of ours the old transports work too, where no other origin may come", async () => {
  const alone = await Stage.raise(withApps());
  try {
    const secret = alone.server.user("ada");
    register(alone.server, "ada", DEVICE, "Ada's phone");
    const club = await Service.start(alone.server, "club");
    const token = await tokenOf(alone.issuer, "ada", secret, DEVICE);
    // The client itself makes the browser warn of `document.domain`, so nothing is listened to here.
    const own = await (await alone.browser.newContext()).newPage();
    await appOfIssuer(own, alone.issuer);
    for (const transport of FRAMED) {
      const page = await alone.desktop();
      await page.goto(club.login);
      await openPanel(page);
      const channel = await readChannel(page);
      assert.equal(await publish(own, alone.issuer, [transport], { channel, device: DEVICE, token }), transport);
      await confirm(page);
      await page.waitForURL(`${club.address}?**`);
      assert.equal(JSON.parse(await page.locator("#validated").innerText()).user, "ada");
      await page.context().close();
    }
    await club.close();
    alone.assertQuiet();
  } finally {
    await alone.strike();
  }
});

test("a page of an origin that is not allowed cannot connect", async () => {
  const stranger = await AppSite.start();
  const page = await (await stage.browser.newContext()).newPage();
  await page.goto(stranger.origin);
  for (const transport of TRANSPORTS) {
    const told = await publish(page, stage.issuer, [transport], { channel: "x", device: DEVICE, token: "x" }).catch(String);
    assert.match(told, /closed: (1002|1006|2000)/, transport);
  }
  await page.context().close();
  await stranger.close();
});

test("a relying party that does not take such apps, and one that asks for more, show no panel", async () => {
  const bank = await stage.party("bank");
  const page = await stage.desktop();
  await begin(page, bank);
  assert.equal(await page.locator("#qrlogin").count(), 0);
  await page.goto(`${forum.login}&renew=true`);
  await page.locator("#ways").waitFor();
  assert.equal(await page.locator("#qrlogin").count(), 0);
});

test("a service says a line of its own, in the page's language", async () => {
  for (const [locale, line] of [["en-GB", lines.en], ["de-DE", lines.de], ["fr-FR", lines.en]]) {
    const page = await stage.desktop({ locale });
    await page.goto(club.login);
    assert.equal(await page.locator("#asker-line").innerText(), line, locale);
  }
  const page = await stage.desktop();
  await page.goto(forum.login);
  await page.locator("#ways").waitFor();
  assert.equal(await page.locator("#asker-line").count(), 0);
});

test("scripts made for CAS find the form by its name, and what it needs beside the password", async () => {
  const page = await stage.desktop();
  await page.goto(forum.login);
  await page.locator("form[name=fm1] #username").waitFor();
  // As such a script does it: the fields of the form to the address that it asked for.
  const fields = await page.evaluate(() => Object.fromEntries(new FormData(document.forms.fm1)));
  assert.equal(fields._eventId, "submit");
  const form = { ...fields, username: "ada", password };
  const answer = await page.context().request.post(forum.login, { form, maxRedirects: 0 });
  assert.equal(answer.status(), 303);
  const back = new URL(answer.headers().location);
  assert.equal(back.origin, forum.base);
  assert.equal((await forum.validate(back.searchParams.get("ticket"))).user, "ada");
  // With a wrong password, what went wrong is where they look for it.
  const other = await stage.desktop();
  await other.goto(forum.login);
  await signInByPassword(other, "ada", "this is not the password");
  await other.locator("#loginErrorsPanel p").waitFor();
});

test("a relying party that speaks OpenID Connect has none of that", async () => {
  const page = await stage.desktop();
  await begin(page, shop);
  assert.equal(await page.locator("[name=execution]:not(#qrform *), form[name=fm1]").count(), 0);
});

test("without JavaScript the panel says what it needs, and the password works", async () => {
  const page = await stage.desktop({ javaScriptEnabled: false });
  await page.goto(forum.login);
  const note = page.locator("#qrlogin noscript p");
  assert.ok(await note.isHidden());
  await page.locator("#qrlogin > summary").click();
  assert.ok(await note.isVisible());
  assert.match(await note.textContent(), /^The QR code needs JavaScript/);
  assert.ok(await page.locator("#qrlive").isHidden());
  await signInByPassword(page, "ada", password);
  assert.equal((await validated(page)).user, "ada");
});
