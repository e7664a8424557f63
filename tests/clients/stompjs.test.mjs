// npm `@stomp/stompjs` over `sockjs-client` in Node: a phone app made for the QR module of CAS, doing what the blog of CAS
// says that it does, while a sign-in page waits in Chromium.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Client } from "@stomp/stompjs";
import jsQR from "jsqr";
import { chromium } from "playwright-core";
import { PNG } from "pngjs";
import SockJS from "sockjs-client";

import { Service, approval, askToken, channelOn, openPanel, register, token, withApps } from "../cas.mjs";
import { RelyingParty } from "../server.mjs";
import { Ground } from "./ground.mjs";

const DEVICE = "My.Phone-7";
/** All that the client offers outside a browser. */
const TRANSPORTS = ["websocket", "xhr-streaming", "eventsource", "xhr-polling"];

let ground;
let browser;
let forum;
let shop;
let held;

before(async () => {
  ground = await Ground.raise(withApps());
  register(ground.server, "ada", DEVICE);
  forum = await Service.start(ground.server, "forum");
  shop = await RelyingParty.start(ground.server, "shop", { latchbolt_cas_apps: true });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"],
  });
  held = await token(ground.issuer, "ada", ground.person.password, DEVICE);
});

after(async () => {
  await browser?.close();
  await forum?.close();
  await shop?.close();
  await ground?.strike();
});

/** A sign-in page that waits for an app, and the channel in its code. */
async function waiting(address) {
  const page = await (await browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 900 } })).newPage();
  page.setDefaultTimeout(30_000);
  await page.goto(address);
  await openPanel(page);
  return { page, channel: await channelOn(page, { jsQR, PNG }) };
}

const login = () => waiting(forum.login);

/** The app connects over this transport; `deed` is done when it is connected. Ends with DISCONNECT and its receipt. */
function app(transport, deed) {
  return new Promise((done, refused) => {
    const heard = { disconnected: false };
    let socket;
    const client = new Client({
      reconnectDelay: 0,
      heartbeatIncoming: 4000,
      heartbeatOutgoing: 4000,
      webSocketFactory: () => (socket = new SockJS(`${ground.issuer}/cas/qr-websocket`, null, { transports: [transport], timeout: 30_000 })),
      onDisconnect: () => { heard.disconnected = true; },
      onStompError: (frame) => refused(new Error(frame.headers.message)),
      onWebSocketClose: (event) => heard.isLeaving || refused(new Error(`closed: ${event.code} ${event.reason}`)),
      onConnect: async () => {
        try {
          heard.transport = socket.transport;
          await deed(client);
          heard.isLeaving = true;
          await client.deactivate();
          done(heard);
        } catch (error) {
          refused(error);
        }
      },
    });
    client.activate();
  });
}

/** Publishes an approval and waits until the server said that it heard it. */
async function approve(channel, { transport = "websocket", device = DEVICE, secret = held } = {}) {
  const heard = await app(transport, (client) => new Promise((done) => {
    const frame = approval(channel, device, secret);
    client.watchForReceipt("heard", done);
    client.publish({ ...frame, headers: { ...frame.headers, receipt: "heard" } });
  }));
  assert.equal(heard.transport, transport);
  assert.ok(heard.disconnected, "DISCONNECT was not answered");
}

async function confirmed(page, base) {
  await page.locator("#cas-confirm-yes").click();
  await page.waitForURL(`${base}/**`);
}

for (const transport of TRANSPORTS) {
  test(`over ${transport}: a service of CAS gets a ticket, and with the token kept a relying party gets a code`, async () => {
    const first = await login();
    await approve(first.channel, { transport });
    await confirmed(first.page, forum.base);
    assert.equal(JSON.parse(await first.page.locator("#validated").innerText()).user, "ada");
    // Scan and go: no password is sent again.
    const second = await waiting(`${shop.base}/start`);
    assert.notEqual(second.channel, first.channel);
    await approve(second.channel, { transport });
    await confirmed(second.page, shop.base);
    const claims = JSON.parse(await second.page.locator("#claims").innerText());
    const authorization = `Bearer ${shop.tokens.access_token}`;
    const person = await (await fetch(`${ground.issuer}/userinfo`, { headers: { authorization } })).json();
    assert.deepEqual([person.preferred_username, person.sub], ["ada", claims.sub]);
    assert.deepEqual(claims.amr, ["mca"]);
    assert.equal(claims.acr, "urn:latchbolt:acr:cas-app");
    await first.page.context().close();
    await second.page.context().close();
  });
}

test("publishes without asking for a receipt and leaves, as the published snippet does", async () => {
  const { page, channel } = await login();
  await app("websocket", async (client) => client.publish(approval(channel, DEVICE, held)));
  await confirmed(page, forum.base);
  assert.equal(JSON.parse(await page.locator("#validated").innerText()).user, "ada");
  await page.context().close();
});

test("a token that is none shows the error and keeps the page; the app hears the same", async () => {
  const { page, channel } = await login();
  const address = page.url();
  await approve(channel, { secret: "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ." });
  await page.locator("#qrerror").waitFor();
  assert.equal(page.url(), address);
  assert.equal(await page.locator("#qrchannel").inputValue(), channel);
  await page.context().close();
});

test("no token without a registered device, with another's, or with a wrong password: all answered alike", async () => {
  ground.server.user("bea");
  register(ground.server, "bea", "bea-phone");
  const { password } = ground.person;
  const answers = [];
  for (const [user, secret, device] of [["ada", password, "unknown"], ["ada", password, "bea-phone"], ["ada", "wrong password", DEVICE]]) {
    const answer = await askToken(ground.issuer, user, secret, device);
    answers.push([answer.status, await answer.text()]);
  }
  assert.equal(answers[0][0], 401);
  assert.deepEqual(answers[1], answers[0]);
  assert.deepEqual(answers[2], answers[0]);
});

test("an app cannot listen to what a page waits for, nor to all pages", async () => {
  const { page, channel } = await login();
  for (const destination of [`/qrtopic/${channel}/verify`, "/qrtopic/**", "/qrtopic/*/verify"]) {
    const told = await app("websocket", (client) => new Promise(() => client.subscribe(destination, () => {}))).catch((error) => error);
    assert.ok(told instanceof Error && !told.message.startsWith("closed"), `${destination}: ${told}`);
  }
  await page.context().close();
});
