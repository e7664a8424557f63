// What the browser tests stand on: one Chromium, its desktop and phone profiles, the program under test.

import assert from "node:assert/strict";

import jsQR from "jsqr";
import { chromium } from "playwright-core";
import { PNG } from "pngjs";

import { RelyingParty, Server } from "../server.mjs";

/** Milliseconds that something may take. */
const PATIENCE = Number(process.env.LATCHBOLT_PATIENCE ?? 30_000);
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
export const DESKTOP = { viewport: { width: 1280, height: 800 }, locale: "en-GB" };
export const PHONE = {
  viewport: { width: 390, height: 844 }, locale: "en-GB", isMobile: true, hasTouch: true, deviceScaleFactor: 2,
  userAgent: "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36",
};
/** What a phone proves, and that it proved more. */
export const BY_PHONE = ["swk", "user", "mca", "mfa"];

export class Stage {
  static async raise(settings = {}) {
    const stage = new Stage();
    stage.parties = [];
    stage.complaints = [];
    stage.server = settings.server === null ? null : await Server.start(settings);
    stage.browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
    return stage;
  }

  get issuer() {
    return this.server.issuer;
  }

  async strike() {
    await this.browser?.close();
    for (const party of this.parties) await party.close();
    await this.server?.close();
  }

  /** `kind`: `RelyingParty`, or `Site` with more ways back. */
  async party(id, more, kind = RelyingParty) {
    const party = await kind.start(this.server, id, more);
    this.parties.push(party);
    return party;
  }

  /** A new profile: its own cookies, storage and passkeys. What its pages complain about is collected. */
  async profile(options = DESKTOP) {
    const context = await this.browser.newContext(options);
    context.setDefaultTimeout(PATIENCE);
    if (options.javaScriptEnabled !== false) {
      await context.addInitScript(() => addEventListener("securitypolicyviolation", (event) =>
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`)));
    }
    context.on("page", (page) => this.listen(page));
    return context;
  }

  listen(page) {
    page.on("pageerror", (error) => this.complaints.push(`${page.url()}: ${error.stack}`));
    page.on("response", (answer) => {
      if (answer.status() >= 500) this.complaints.push(`${answer.status()} ${answer.url()}`);
    });
    page.on("console", (line) => {
      // Refused requests are the tests' business; whether one is a fault of ours is seen above.
      if (!["error", "warning"].includes(line.type()) || line.text().startsWith("Failed to load resource")) return;
      this.complaints.push(`${page.url()}: ${line.text()}`);
    });
    page.on("request", (request) => {
      if (this.isStranger(page, request)) this.complaints.push(`${page.url()} asks another origin: ${request.url()}`);
    });
  }

  /** One of our pages loads something from elsewhere. Where people go is their business; so are frames at the end. */
  isStranger(page, request) {
    const issuer = this.server?.issuer;
    if (!issuer || !page.url().startsWith(`${issuer}/`) || request.url().startsWith(`${issuer}/`)) return false;
    if (/^(data|blob):/.test(request.url())) return false;
    const isInFrame = request.isNavigationRequest() && request.frame() !== page.mainFrame();
    return isInFrame ? !page.url().startsWith(`${issuer}/logout`) : !request.isNavigationRequest();
  }

  /** No page so far had a script error, a policy violation, an answer of 500 and above, or asked another origin. */
  assertQuiet() {
    assert.deepEqual(this.complaints.splice(0), []);
  }

  async desktop(options) {
    return (await this.profile({ ...DESKTOP, ...options })).newPage();
  }

  /** A phone with an authenticator that verifies its owner; `page.authenticator` is its CDP session. */
  async phone() {
    const page = await (await this.profile(PHONE)).newPage();
    await authenticator(page);
    return page;
  }

  /** A phone enrolled with user name and password, as its owner would do it. */
  async enrolledPhone(username, password) {
    const page = await this.phone();
    await page.goto(`${this.issuer}/phone`);
    await enrol(page, username, password);
    return page;
  }
}

export async function authenticator(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("WebAuthn.enable", { enableUI: false });
  const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true,
      hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true,
    },
  });
  page.authenticator = {
    verifies: (isUserVerified) => session.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified }),
    credentials: async () => (await session.send("WebAuthn.getCredentials", { authenticatorId })).credentials,
  };
}

export async function enrol(page, username, password) {
  await page.locator("form#enrol input[name=username]").fill(username);
  await page.locator("form#enrol input[name=password]").fill(password);
  await page.locator("form#enrol input[name=agree]").check();
  await page.locator("button#enrol-submit").tap();
  await page.locator("#enrolled-now").waitFor();
}

/** Starts a sign-in at a relying party and waits for the sign-in page. */
export async function begin(page, party, query = "") {
  await page.goto(`${party.base}/start${query}`);
  await page.locator("#ways").waitFor();
}

export async function signInByPassword(page, username, password) {
  await page.locator("form#login input[name=username]").fill(username);
  await page.locator("form#login input[name=password]").fill(password);
  await page.locator("button#login-submit").click();
}

/** Waits until the panel of the sign-in page says this. */
export async function panel(page, state) {
  await page.locator(`#qr[data-state="${state}"]`).waitFor();
  if (state === "waiting") await page.locator("#qr-image").waitFor();
}

/** Waits until the phone shows this state of a claim. */
export function claim(phone, state) {
  return phone.locator(`#claim[data-state="${state}"]`).waitFor();
}

/** What a camera sees: the link in the code, read from the pixels of the page. */
export async function readScreen(page) {
  await panel(page, "waiting");
  const picture = PNG.sync.read(await page.screenshot());
  const code = jsQR(new Uint8ClampedArray(picture.data), picture.width, picture.height);
  assert.ok(code, "no QR code can be read from the screen");
  return code.data;
}

/** The phone's camera app opens the link of the code on the screen. */
export async function scan(phone, desktop) {
  await phone.goto(await readScreen(desktop));
}

export async function scanAndClaim(phone, desktop) {
  await scan(phone, desktop);
  await claim(phone, "claimed");
  await panel(desktop, "claimed");
}

/** The number on the screen, read by the person. */
export async function checkCode(desktop) {
  const code = await desktop.locator("#check-code").innerText();
  assert.match(code, /^[0-9]{3}$/);
  return code;
}

export async function approve(phone, code) {
  await phone.locator("input[name=check_code]").fill(code);
  await phone.locator("button#approve").tap();
}

/** Any number but this one. */
export const otherThan = (code) => String((Number(code) + 1) % 1000).padStart(3, "0");

/** The claims that the relying party got, once its page is there. */
export async function inside(page, party) {
  await page.waitForURL(`${party.base}/callback?**`);
  return JSON.parse(await page.locator("#claims").innerText());
}

/** The fact with this name as the phone shows it. */
export const fact = (phone, name) => phone.locator(`dl#facts [data-fact=${name}] dd`).innerText();
