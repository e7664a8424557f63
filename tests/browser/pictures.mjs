// Every page in every state: pictures to look at, no accessibility violation, no sideways scrolling, no complaint.

import { after, afterEach, before, test } from "node:test";

import { look } from "./look.mjs";
import {
  Stage, approve, begin, checkCode, claim, otherThan, panel, readScreen, scanAndClaim, signInByPassword,
} from "./stage.mjs";

let stage;
let shop;
let password;
let phone;

export function pictures() {
  before(async () => {
    stage = await Stage.raise();
    shop = await stage.party("shop", { latchbolt_skip_consent: false, client_name: "Bread & Roses Bookshop" });
    password = stage.server.user("ada");
    phone = await stage.enrolledPhone("ada", password);
  });
  afterEach(() => stage.assertQuiet());
  after(() => stage?.strike());

  async function signedIn(name = "ada", secret = password) {
    const page = await stage.desktop();
    await page.goto(`${stage.issuer}/login`);
    await signInByPassword(page, name, secret);
    await page.locator("#signed-in").waitFor();
    return page;
  }

  test("sign-in: waiting, wrong password", async () => {
    const desktop = await stage.desktop();
    await begin(desktop, shop);
    await panel(desktop, "waiting");
    await look(desktop, "signin-waiting");
    await signInByPassword(desktop, "ada", "this is not the password");
    await desktop.locator("p[role=alert]").waitFor();
    await panel(desktop, "waiting");
    await look(desktop, "signin-wrong-password");
  });

  test("sign-in: claimed, approved; phone: claim, wrong number, done", async () => {
    const desktop = await stage.desktop();
    await begin(desktop, shop);
    await scanAndClaim(phone, desktop);
    const code = await checkCode(desktop);
    await look(desktop, "signin-claimed");
    await look(phone, "phone-claim");
    await approve(phone, otherThan(code));
    await phone.locator("#claim-problem").waitFor();
    await look(phone, "phone-wrong-number");
    await desktop.route((url) => url.pathname === "/login/phone", (route) => route.fulfill({ status: 204 }));
    await approve(phone, code);
    await panel(desktop, "approved");
    await look(desktop, "signin-approved");
    await look(phone, "phone-approved");
  });

  test("sign-in: denied; phone: denied, failed", async () => {
    const desktop = await stage.desktop();
    await begin(desktop, shop);
    await scanAndClaim(phone, desktop);
    await phone.locator("button#deny").tap();
    await claim(phone, "denied");
    await panel(desktop, "denied");
    await look(desktop, "signin-denied");
    await look(phone, "phone-denied");
    await desktop.locator("#qr-refresh").click();
    const link = await readScreen(desktop);
    await phone.route((url) => url.pathname === "/api/phone/v1/claims", (route) => route.abort());
    await phone.goto(link);
    await claim(phone, "failed");
    await phone.unrouteAll();
    await look(phone, "phone-failed");
  });

  test("sign-in: expired, connection lost", async () => {
    const desktop = await stage.desktop();
    await desktop.clock.install();
    await begin(desktop, shop);
    await panel(desktop, "waiting");
    await desktop.clock.fastForward(300_000);
    await panel(desktop, "expired");
    await look(desktop, "signin-expired");
    await desktop.locator("#qr-refresh").click();
    await panel(desktop, "waiting");
    await desktop.clock.resume();
    await desktop.context().setOffline(true);
    await panel(desktop, "offline");
    await look(desktop, "signin-offline");
  });

  test("consent, signed in, sign out", async () => {
    const desktop = await stage.desktop();
    await begin(desktop, shop);
    await signInByPassword(desktop, "ada", password);
    await desktop.locator("form#consent").waitFor();
    await look(desktop, "consent");
    await begin(desktop, shop, "?prompt=login");
    await look(desktop, "signin-confirm");
    const page = await signedIn();
    await look(page, "signed-in");
    await page.goto(stage.issuer);
    await look(page, "home");
    await page.goto(`${stage.issuer}/logout`);
    await look(page, "logout");
    await page.locator("#logout-confirm").click();
    await page.locator("form#logout").waitFor({ state: "detached" });
    await look(page, "logged-out");
  });

  test("adding a passkey or a phone", async () => {
    // Somebody without a phone: whoever has one proves more than a password first (SEC-070).
    const page = await signedIn("bea", stage.server.user("bea"));
    await page.goto(`${stage.issuer}/login/passkey/new`);
    await page.locator("#passkey-add").waitFor();
    await look(page, "passkey-new");
    await page.goto(`${stage.issuer}/phone/add`);
    await look(page, "phone-add");
    await page.locator("#make-submit").click();
    await page.locator("#enrol-qr").waitFor();
    await look(page, "phone-add-code");
    const other = await signedIn();
    await other.goto(`${stage.issuer}/phone/add`);
    await other.locator("form#confirm").waitFor();
    await look(other, "phone-add-confirm");
  });

  test("refused, passkey alone, setup", async () => {
    const page = await stage.desktop();
    await page.goto(`${stage.issuer}/authorize?client_id=nobody&response_type=code`);
    await page.locator("main#refused[data-error=unknown_client]").waitFor();
    await look(page, "refused");
    const essential = JSON.stringify({ id_token: { acr: { essential: true, value: "phr" } } });
    await begin(page, shop, `?claims=${encodeURIComponent(essential)}`);
    await look(page, "signin-passkey-alone");
    await page.goto(`${stage.issuer}/admin/setup`);
    await look(page, "admin-setup");
  });

  test("phone: enrolment and what may go wrong in it", async () => {
    const secret = stage.server.user("cleo");
    const page = await stage.phone();
    await page.goto(`${stage.issuer}/phone`);
    await page.locator("#enrolling").waitFor();
    await look(page, "phone-enrol");
    await page.locator("#enrol input[name=username]").fill("cleo");
    await page.locator("#enrol input[name=password]").fill(secret);
    await page.locator("#enrol-submit").tap();
    await page.locator("#enrol-problem").waitFor();
    await look(page, "phone-enrol-disagree");
    await page.locator("#enrol input[name=agree]").check();
    await page.authenticator.verifies(false);
    await page.locator("#enrol-submit").tap();
    await page.locator("#enrol-verify").waitFor();
    await look(page, "phone-enrol-verify");
  });

  test("phone: home, leaving, the link without a code", async () => {
    const page = await stage.enrolledPhone("dora", stage.server.user("dora"));
    await page.locator("#sessions").waitFor();
    await look(page, "phone-enrolled");
    await page.reload();
    await page.locator("#session-list, #sessions-none").first().waitFor({ state: "attached" });
    await page.locator("#paste summary").tap();
    await page.locator("#paste-link").fill("https://other.example/s#1AAAAAAAAAAAAAAAAAAAAAA");
    await page.locator("#paste-form button").tap();
    await page.locator("#paste-problem").waitFor();
    await look(page, "phone-home-foreign-code");
    await page.locator("[data-go=removing]").tap();
    await page.locator("#remove").waitFor();
    await look(page, "phone-removing");
    await page.locator("#remove").tap();
    await page.locator("#removed").waitFor();
    await look(page, "phone-removed");
    await page.goto(`${stage.issuer}/s`);
    await page.locator("#open-phone").waitFor();
    await look(page, "handover");
  });

  test("phone: reported", async () => {
    const desktop = await stage.desktop();
    await begin(desktop, shop);
    await scanAndClaim(phone, desktop);
    await phone.locator("#report").tap();
    await claim(phone, "reported");
    await look(phone, "phone-reported");
  });
}
