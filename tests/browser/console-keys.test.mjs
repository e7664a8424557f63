// The console by keyboard alone: something is done on each of its pages, and no mouse is touched.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { ConsoleStage, ready, row, toast } from "./console-stage.mjs";
import { press, tabTo, type } from "./keyboard.mjs";
import { look } from "./look.mjs";
import { begin, signInByPassword } from "./stage.mjs";

let stage;
let page;

before(async () => {
  stage = await ConsoleStage.raise();
  page = stage.admin;
});
afterEach(() => stage.assertQuiet());
after(() => stage?.strike());

const key = (name) => page.keyboard.press(name);

/** To a section of the console, by the palette. */
async function go(title) {
  await key("Control+k");
  await page.locator("dialog.palette").waitFor();
  await page.keyboard.type(title);
  await page.locator(".palette-list li[aria-selected=true]", { hasText: title }).waitFor();
  await key("Enter");
  await ready(page, title);
}

/** Answers what a dialog asks: goes to its last button and presses it. */
async function answer(button) {
  await page.locator("dialog[open]").waitFor();
  await press(page, "dialog button", button);
}

/** Waits until the server has answered this. */
const answered = (method, path) => page.waitForResponse((got) => got.request().method() === method && new URL(got.url()).pathname.endsWith(path));
const gone = () => page.locator("dialog").waitFor({ state: "detached" });

test("overview: another span of time; the numbers behind a chart", async () => {
  await stage.open("/admin", "Overview");
  await press(page, "#page a.button", "30 days");
  await page.waitForURL(/days=30/);
  await ready(page, "Overview");
  await press(page, "summary", "As a table");
  await page.locator("details[open] table").first().waitFor();
  await look(page, "console-overview-30");
});

test("the palette and the menu are left with Escape", async () => {
  await key("Control+k");
  await page.locator("dialog.palette").waitFor();
  await look(page, "console-palette");
  await page.locator("dialog.palette input").focus();
  await key("Escape");
  await page.locator("dialog.palette").waitFor({ state: "detached" });
});

test("people: somebody is found, renamed, disabled, given a role, and deleted", async () => {
  await stage.person("joan", { name: "Joan Clarke", email: "joan@mail.example" });
  await go("Users");
  await key("/");
  await page.keyboard.type("joan");
  await page.waitForURL(/q=joan/);
  await row(page, "joan").waitFor();
  await press(page, ".rows-table a", "joan");
  await ready(page, "Joan Clarke");
  await type(page, "[name=name]", "Joan E. L. Clarke");
  await key("Enter");
  await toast(page, "Saved");
  await ready(page, "Joan E. L. Clarke");
  await press(page, ".page-actions button", "Disable");
  await answer("Disable");
  await page.locator(".badge.bad", { hasText: "disabled" }).waitFor();
  await press(page, ".page-actions button", "Enable");
  await page.locator(".badge.good", { hasText: "active" }).first().waitFor();
  // Its tabs, by arrow keys.
  await tabTo(page, "[role=tab]");
  for (const tab of ["devices", "factors", "sessions", "apps", "groups"]) {
    await key("ArrowRight");
    await page.waitForURL(new RegExp(`tab=${tab}`));
    await page.waitForFunction(() => !document.querySelector("#page .waiting, #page [aria-busy]"));
    if (["devices", "sessions", "apps"].includes(tab)) {
      await look(page, `console-user-${tab}`);
      await page.locator(`[role=tab][aria-selected=true]`).focus();
    }
  }
  await press(page, "input[value=auditor]", "", "Space");
  // Saved, and drawn anew.
  const saved = [answered("PUT", "/roles"), answered("GET", "/api/admin/v1/roles")];
  await key("Enter");
  await Promise.all(saved);
  await page.locator("input[value=auditor]:checked").waitFor();
  await page.waitForFunction(() => !document.querySelector("#page .waiting, #page [aria-busy]"));
  await tabTo(page, "[role=tab][aria-selected=true]");
  await key("End");
  await page.waitForURL(/tab=activity/);
  await page.locator(".rows-table", { hasText: "Roles changed" }).waitFor();
  await look(page, "console-user-activity");
  await press(page, ".page-actions button", "Delete");
  await answer("Delete");
  await ready(page, "Users");
});

test("groups: a new one", async () => {
  await go("Groups");
  await press(page, ".page-actions button", "New group");
  await page.locator("dialog [name=name]").waitFor();
  await type(page, "dialog [name=name]", "Engines");
  await key("Enter");
  await ready(page, "Engines");
  await type(page, "[name=description]", "Those who count");
  await key("Enter");
  await toast(page, "Saved");
});

test("claims: one is defined, and removed again", async () => {
  await go("Custom claims");
  await press(page, ".page-actions button", "New claim");
  await page.locator("dialog [name=name]").waitFor();
  await type(page, "dialog [name=name]", "floor");
  await tabTo(page, "dialog [name=kind]");
  await page.keyboard.type("Number");
  await press(page, "dialog button[type=submit]");
  await gone();
  await page.locator("code", { hasText: "floor" }).waitFor();
  await look(page, "console-claims-one");
  await press(page, "button", "Remove: floor");
  await answer("Remove");
  await page.locator(".list-body .empty").waitFor();
});

test("recoveries: one is opened and cancelled", async () => {
  await stage.person("helpless");
  await go("Recoveries");
  await press(page, ".page-actions button", "Open a recovery");
  await page.locator("dialog [name=user]").waitFor();
  await type(page, "dialog [name=user]", "helpless");
  await type(page, "dialog [name=reason]", "called, knew the answers");
  await key("Enter");
  await row(page, "helpless").waitFor();
  await look(page, "console-recoveries-one");
  await press(page, "button", "Cancel: helpless");
  await page.locator("dialog[open]").waitFor();
  await press(page, "dialog button[type=submit]");
  await row(page, "helpless").locator(".badge", { hasText: "cancelled" }).waitFor();
});

test("policy: new phones need approval; the queue; a phone is let in, renamed, suspended", async () => {
  await go("Policy");
  await press(page, "[name=approval]", "", "Space");
  const saved = answered("PATCH", "/policies/devices");
  await key("Enter");
  assert.equal((await saved).status(), 200);
  const password = stage.server.user("new-hand");
  const phone = await stage.phone();
  await phone.goto(`${stage.issuer}/phone`);
  await phone.locator("form#enrol input[name=username]").fill("new-hand");
  await phone.locator("form#enrol input[name=password]").fill(password);
  await phone.locator("form#enrol input[name=agree]").check();
  await phone.locator("button#enrol-submit").tap();
  await phone.locator("#not-active:visible").waitFor();
  await look(phone, "phone-pending");

  await go("Approval queue");
  await row(page, "new-hand").waitFor();
  await press(page, ".rows-table button", "Approve");
  await answer("Approve");
  await toast(page, "approved");
  await page.locator(".list-body .empty").waitFor();

  await go("Phones");
  await row(page, "new-hand").waitFor();
  await look(page, "console-devices-one");
  await press(page, ".rows-table th a", "");
  await page.locator(".page-actions button", { hasText: "Rename" }).waitFor();
  await press(page, ".page-actions button", "Rename");
  await page.locator("dialog [name=name]").waitFor();
  await type(page, "dialog [name=name]", "Red phone");
  await key("Enter");
  await ready(page, "Red phone");
  await press(page, ".page-actions button", "Suspend");
  await answer("Suspend");
  await page.locator(".badge.warn", { hasText: "suspended" }).waitFor();
  await phone.reload();
  await phone.locator("#not-active:visible", { hasText: "suspended" }).waitFor();
  await look(phone, "phone-suspended");
});

test("enrolments: a code for a letter is made and cancelled", async () => {
  await stage.person("writer");
  await go("Enrolments");
  await press(page, ".page-actions button", "Enrol a phone");
  await page.locator("dialog [name=user]").waitFor();
  await type(page, "dialog [name=user]", "writer");
  await tabTo(page, "dialog [name=kind]");
  await key("ArrowDown");
  await tabTo(page, "dialog button[type=submit]");
  await key("Enter");
  await page.locator("dialog .code-large").waitFor();
  await look(page, "console-enrolment-code");
  await answer("Done");
  await gone();
  await row(page, "writer").waitFor();
  await look(page, "console-enrolments-one");
  await press(page, ".rows-table button", "Cancel enrolment");
  await answer("Cancel enrolment");
  await row(page, "writer").locator(".badge", { hasText: "cancelled" }).waitFor();
});

test("import and jobs: letters are tried dry, done, and found among the jobs", async () => {
  await go("Import");
  await tabTo(page, "[role=tab]");
  await key("End");
  await page.locator("h2", { hasText: "Letters without a file" }).waitFor();
  await look(page, "console-imports-letters");
  await tabTo(page, "[name=without_device]");
  await key("Enter");
  await page.locator(".page-actions button", { hasText: "Do it for" }).waitFor();
  await press(page, ".page-actions button", "Do it for");
  await page.locator("a", { hasText: "Letters (PDF)" }).waitFor();
  await look(page, "console-job-letters");
  await go("Jobs");
  await page.locator(".rows-table tbody a").first().waitFor();
  await look(page, "console-jobs-one");
  await press(page, ".rows-table tbody a", "");
  await page.locator("h2", { hasText: "About this job" }).waitFor();
});

test("apps: one is registered, edited by its tabs, and deleted", async () => {
  await go("Apps");
  await press(page, ".page-actions a", "Register an app");
  await ready(page, "Register an app");
  await press(page, "[data-kind=spa]");
  await page.locator("[name=client_name]").waitFor();
  await look(page, "console-client-details");
  await type(page, "[name=client_name]", "Tea Room");
  await type(page, "[name=redirect_uris]", "https://tea.example/callback");
  await type(page, "[name=client_id]", "tea");
  await key("Enter");
  await page.locator("h2", { hasText: "Registered" }).waitFor();
  await press(page, "a", "Go to the app");
  await ready(page, "Tea Room");
  await tabTo(page, "[role=tab]");
  await key("ArrowRight");
  await page.locator("[name=client_name]").waitFor();
  await look(page, "console-client-edit");
  await type(page, "[name=client_name]", "Tea House");
  await key("Enter");
  await ready(page, "Tea House");
  await tabTo(page, "[role=tab][aria-selected=true]");
  await key("End");
  await page.waitForURL(/tab=json/);
  await page.locator(".tab-panel textarea").waitFor();
  await look(page, "console-client-json");
  await press(page, ".page-actions button", "Delete");
  await answer("Delete");
  await ready(page, "Apps");
});

test("sessions and consents: a session is ended, a consent withdrawn", async () => {
  const shop = await stage.party("corner-shop", { latchbolt_skip_consent: false });
  const password = stage.server.user("buyer");
  const buyer = await stage.desktop();
  await begin(buyer, shop);
  await signInByPassword(buyer, "buyer", password);
  await press(buyer, "#consent-allow");
  await buyer.locator("#inside").waitFor();
  await go("Consents");
  await row(page, "corner-shop").waitFor();
  await look(page, "console-consents-one");
  await press(page, ".rows-table button", "Withdraw");
  await answer("Withdraw");
  await toast(page, "withdrawn");
  await page.locator(".list-body .empty").waitFor();
  await go("Sessions");
  await key("/");
  await page.keyboard.type("buyer");
  await page.waitForURL(/q=buyer/);
  await page.waitForFunction(() => document.querySelectorAll(".rows-table tbody tr").length === 1);
  await press(page, ".rows-table button", "End session");
  await answer("End session");
  await toast(page, "has ended");
  await page.locator(".list-body .empty").waitFor();
});

test("audit: one kind of event, and as it comes", async () => {
  await go("Audit");
  await tabTo(page, "[data-filter=event]");
  await page.keyboard.type("User created");
  await page.waitForURL(/event=account.created/);
  await row(page, "User created").first().waitFor();
  const listens = page.waitForResponse((got) => got.url().includes("/audit/live"));
  await press(page, ".page-actions button", "Watch live");
  await listens;
  await stage.person("seen.live");
  await row(page, "seen.live").waitFor();
  await look(page, "console-audit-live");
  await press(page, ".page-actions button", "Stop watching");
  await page.locator(".list-bar").waitFor();
});

test("keys: rotating them is asked about first, and left with Escape", async () => {
  await go("Signing keys");
  await press(page, ".page-actions button", "Rotate keys");
  await page.locator("dialog[open]").waitFor();
  await key("Escape");
  await gone();
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), "Rotate keys");
});

test("API keys: one is made, copied, revoked", async () => {
  await go("API keys");
  await press(page, ".page-actions button", "New API key");
  await page.locator("dialog [name=name]").waitFor();
  await type(page, "dialog [name=name]", "Nightly");
  await press(page, "dialog [value='users.read']", "", "Space");
  await key("Enter");
  await page.locator("dialog .copyable code").waitFor();
  await look(page, "console-api-key-made");
  await answer("Done");
  await row(page, "Nightly").waitFor();
  await look(page, "console-api-keys-one");
  await press(page, ".rows-table button", "Revoke");
  await answer("Revoke");
  await page.locator(".badge.bad", { hasText: "revoked" }).waitFor();
});

test("notices: a test mail says that mail is off; the list is narrowed", async () => {
  await go("Notices");
  await press(page, ".page-actions button", "Send a test mail");
  await page.locator("dialog [name=to]").waitFor();
  await type(page, "dialog [name=to]", "somebody@mail.example");
  await key("Enter");
  await page.locator(".toast.bad, dialog .alert:visible, dialog .field-wrong:visible").first().waitFor();
  await look(page, "console-notices-refused");
  if (await page.locator("dialog[open]").count()) await key("Escape");
  await gone();
  await tabTo(page, "[data-filter=state]");
  await page.keyboard.type("sent");
  await page.waitForURL(/state=sent/);
});
