// Signing out: the question, sites told by frames, the way back, and the frame that says whether anything changed.

import { createHash } from "node:crypto";
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { look } from "./look.mjs";
import { HOSTILE, Site } from "./site.mjs";
import { DESKTOP, Stage, begin, signInByPassword } from "./stage.mjs";

let stage;
let password;
let plain;
let shop;
let library;

before(async () => {
  stage = await Stage.raise();
  stage.server.user("ada", { name: HOSTILE });
  password = stage.server.user("ben");
  plain = await stage.party("plain", {}, Site);
  shop = await frames("shop");
  library = await frames("library");
});
afterEach(() => stage.assertQuiet());
after(() => stage?.strike());

/** A site that is told of ends by a frame. */
function frames(id) {
  return stage.party(id, (base) => ({
    redirect_uris: [`${base}/callback`], post_logout_redirect_uris: [`${base}/bye`],
    frontchannel_logout_uri: `${base}/out`, frontchannel_logout_session_required: true,
  }), Site);
}

/** A new browser that signed in at these sites. */
async function signedIn(sites, { name = "ben", ...options } = {}) {
  const context = await stage.profile({ ...DESKTOP, ...options });
  const page = await context.newPage();
  await page.goto(`${sites[0].base}/start`);
  await signInByPassword(page, name, `${name} keeps a long secret 7`);
  await page.waitForURL(`${sites[0].base}/callback?**`);
  for (const site of sites.slice(1)) {
    await page.goto(`${site.base}/start`);
    await page.waitForURL(`${site.base}/callback?**`);
  }
  return page;
}

const bye = (site, more) => `${stage.issuer}/logout?${new URLSearchParams({
  post_logout_redirect_uri: `${site.base}/bye`, id_token_hint: site.tokens.id_token, ...more,
})}`;

test("the question: stay, and sign out with the keyboard", async () => {
  const page = await signedIn([plain]);
  await page.goto(`${stage.issuer}/logout`);
  await look(page, "logout-question");
  await page.getByRole("link", { name: "Stay signed in" }).click();
  await page.locator("#signed-in-as").waitFor();
  await page.goto(`${stage.issuer}/logout`);
  await page.locator("#logout-confirm").focus();
  await page.keyboard.press("Enter");
  await page.locator("#logged-out").waitFor();
  await look(page, "logout-done");
  await page.goto(`${plain.base}/start?prompt=none`);
  assert.match(await page.locator("#claims").innerText(), /login_required/);
});

test("asked by a site without a hint: the question, and no way to that site", async () => {
  const page = await signedIn([shop], { name: "ada", locale: "de-DE" });
  await page.goto(`${stage.issuer}/logout?${new URLSearchParams({ post_logout_redirect_uri: `${shop.base}/bye`, state: HOSTILE })}`);
  await look(page, "logout-question-hostile-de");
  await page.locator("#logout-confirm").click();
  await page.locator("#logged-out").waitFor();
  await look(page, "logout-done-de");
});

test("with a hint: sites are told in frames, then back with the state", async () => {
  const page = await signedIn([shop, library]);
  const before = [shop.told.length, library.told.length];
  const state = "a b&c=<d>\u00e4";
  await page.goto(bye(shop, { state }));
  await page.waitForURL(`${shop.base}/bye?**`);
  assert.equal(decodeURIComponent(await page.locator("#state").innerText()), state);
  await Promise.all([shop.heard(before[0] + 1), library.heard(before[1] + 1)]);
  assert.deepEqual([shop.told.length, library.told.length], before.map((count) => count + 1));
  for (const site of [shop, library]) {
    assert.equal(site.told.at(-1).get("iss"), stage.issuer);
    assert.ok(site.told.at(-1).get("sid"));
  }
});

test("a site that does not answer holds nobody for long", async () => {
  const page = await signedIn([shop, library]);
  library.slow = 60_000;
  try {
    const began = Date.now();
    await page.goto(bye(shop), { waitUntil: "commit" });
    await page.locator("#signing-out").waitFor();
    await page.waitForURL(`${shop.base}/bye`);
    // Far less than the site takes, on a computer that is busy with other things too.
    assert.ok(Date.now() - began < 25_000);
  } finally {
    library.slow = 0;
  }
});

test("without scripts it goes on too", async () => {
  const page = await signedIn([shop], { javaScriptEnabled: false });
  const told = shop.told.length;
  await page.goto(bye(shop), { waitUntil: "commit" });
  await page.waitForURL(`${shop.base}/bye`);
  await shop.heard(told + 1);
  assert.equal(shop.told.length, told + 1);
});

test("when the script does not come, the person goes on by the link", async () => {
  for (const [suffix, options] of [["", {}], ["-de", { locale: "de-DE" }]]) {
    const page = await signedIn([shop, library], options);
    await page.route(/\/assets\/.*signing-out.*\.js/, (route) => route.abort());
    await page.goto(bye(shop));
    await page.locator("#signing-out").waitFor();
    await look(page, `signing-out${suffix}`);
    await page.locator("#logout-go-on").focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(`${shop.base}/bye`);
  }
});

test("from our own page: sites are told, and the end is our page", async () => {
  const page = await signedIn([shop]);
  const told = shop.told.length;
  await page.goto(`${stage.issuer}/logout`);
  await page.locator("#logout-confirm").click();
  await page.locator("#logged-out").waitFor();
  await shop.heard(told + 1);
  assert.equal(shop.told.length, told + 1);
});

test("a site's page asks the frame whether anything changed", async () => {
  const discovery = await (await fetch(`${stage.issuer}/.well-known/openid-configuration`)).json();
  shop.html = `<iframe id="op" src="${discovery.check_session_iframe}"></iframe>`;
  const page = await stage.desktop();
  await begin(page, shop);
  await signInByPassword(page, "ben", password);
  await page.waitForURL(`${shop.base}/callback?**`);
  const state = new URL(page.url()).searchParams.get("session_state");
  assert.ok(state);
  const ask = (message) => page.evaluate((message) => new Promise((done) => {
    addEventListener("message", (event) => done(event.data), { once: true });
    document.getElementById("op").contentWindow.postMessage(message, "*");
  }), message);
  await page.goto(`${shop.base}/page`);
  assert.equal(await ask(`shop ${state}`), "unchanged");
  assert.equal(await ask("nonsense"), "error");
  assert.equal(await ask(`library ${state}`), "changed");
  await page.goto(bye(shop));
  await page.waitForURL(`${shop.base}/bye`);
  await page.goto(`${shop.base}/page`);
  assert.equal(await ask(`shop ${state}`), "changed");
  // Whether anybody is signed in here is not told to whoever asks: no state is never the same state.
  const empty = createHash("sha256").update(`x ${new URL(page.url()).origin}  salt`).digest("base64url");
  assert.equal(await ask(`x ${empty}.salt`), "changed");
});

test("refusals of requests are pages: German and English", async () => {
  for (const [suffix, options, query, error] of [
    ["", {}, "client_id=shop&request_uri=urn:ietf:params:oauth:request_uri:gone", "invalid_request_uri"],
    ["-de", { locale: "de-DE" }, "client_id=shop&request_uri=urn:ietf:params:oauth:request_uri:gone", "invalid_request_uri"],
    ["-address", {}, `client_id=shop&response_type=code&scope=openid&redirect_uri=${encodeURIComponent("https://evil.example/")}`, "invalid_redirect_uri"],
    ["-object", {}, "client_id=shop&response_type=code&scope=openid&request=nonsense", "invalid_request_object"],
  ]) {
    const page = await stage.desktop(options);
    await page.goto(`${stage.issuer}/authorize?${query}`);
    assert.equal(await page.locator("main#refused").getAttribute("data-error"), error);
    await look(page, `refused${suffix}`);
  }
});
