// The console: apps, rules, keys of programs, the trail, deeds on many, work from files.

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";

import { ConsoleStage, quiet, ready, row, toast } from "./console-stage.mjs";
import { look } from "./look.mjs";

let stage;
let page;

before(async () => {
  stage = await ConsoleStage.raise();
  page = stage.admin;
});
afterEach(() => stage.assertQuiet());
after(() => stage?.strike());

const key = () => generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });
const device = (user, name) => stage.api("POST", "/devices", { user, name, platform: "Android 16", public_key: key() });

test("an app is registered by its kind, its secret shown once, edited, given a new secret, disabled and enabled", async () => {
  await stage.open("/admin/clients/new", "Register an app");
  await look(page, "console-client-kinds");
  await page.locator("[data-kind=web]").click();
  await page.locator("[name=client_name]").fill("The Bakery");
  await page.locator("[name=redirect_uris]").fill("not an address");
  await page.locator("[name=client_id]").fill("bakery");
  await page.locator("form button[type=submit]").click();
  await page.locator("[data-field=redirect_uris] .field-wrong:visible, .form > .alert:visible").first().waitFor();
  await page.locator("[name=redirect_uris]").fill("https://bakery.example/callback");
  await page.locator("form button[type=submit]").click();
  await page.locator("h2", { hasText: "Registered" }).waitFor();
  assert.match(await page.locator(".copyable code").first().innerText(), /^\S{20,}$/);
  await page.locator("h2", { hasText: "Settings to copy" }).waitFor();
  await look(page, "console-client-made");
  await page.locator("a", { hasText: "Go to the app" }).click();
  await ready(page, "The Bakery");
  await page.locator("dd code", { hasText: "https://bakery.example/callback" }).waitFor();
  await look(page, "console-client");
  await page.locator("[role=tab]", { hasText: "Edit" }).click();
  await page.locator("[name=client_name]").fill("The Old Bakery");
  await page.locator("form button[type=submit]").click();
  await toast(page, "Saved");
  await ready(page, "The Old Bakery");
  await page.locator("button", { hasText: "New secret" }).click();
  await page.locator("dialog button[type=submit]").click();
  await page.locator("dialog .copyable code").waitFor();
  await page.locator("dialog button", { hasText: "Done" }).click();
  await page.locator(".page-actions button", { hasText: "Disable" }).click();
  await page.locator("dialog button[type=submit]").click();
  await page.locator(".badge.bad", { hasText: "disabled" }).waitFor();
  await page.locator(".toast button", { hasText: "Undo" }).click();
  await page.locator(".badge.good", { hasText: "active" }).waitFor();
});

test("many phones are suspended at once, after a preview, and it is undone", async () => {
  await stage.person("bulky");
  for (const name of ["One", "Two", "Three"]) await device("bulky", `Phone ${name}`);
  await stage.open("/admin/devices?q=Phone", "Phones");
  await page.locator("thead input[type=checkbox]").check();
  await page.locator(".bulk strong", { hasText: "3 chosen" }).waitFor();
  await page.locator(".bulk button", { hasText: "Suspend" }).click();
  await page.locator("dialog table tbody tr").nth(2).waitFor();
  await look(page, "console-bulk");
  await page.locator("dialog button", { hasText: "Do it for 3" }).click();
  await toast(page, "3 done");
  await page.waitForFunction(() => [...document.querySelectorAll(".rows-table .badge")].filter((each) => each.textContent === "suspended").length === 3);
  await page.locator(".toast button", { hasText: "Undo" }).click();
  await page.waitForFunction(() => [...document.querySelectorAll(".rows-table .badge")].filter((each) => each.textContent === "active").length === 3);
});

test("the policy asks for approval; phones wait in the queue and are let in together", async () => {
  await stage.open("/admin/policies", "Policy");
  const form = page.locator(".card", { has: page.locator("h2", { hasText: "Phones" }) });
  await form.locator("[name=approval]").check();
  await form.locator("button[type=submit]").click();
  await toast(page, "Saved");
  for (const name of ["first", "second"]) {
    const password = stage.server.user(name);
    const phone = await stage.phone();
    await phone.goto(`${stage.issuer}/phone`);
    await phone.locator("form#enrol input[name=username]").fill(name);
    await phone.locator("form#enrol input[name=password]").fill(password);
    await phone.locator("form#enrol input[name=agree]").check();
    await phone.locator("button#enrol-submit").tap();
    await phone.locator("#not-active:visible").waitFor();
  }
  await stage.open("/admin", "Overview");
  await page.locator(".tile.attention", { hasText: "Phones to let in" }).click();
  await ready(page, "Approval queue");
  await row(page, "first").waitFor();
  await look(page, "console-approvals-two");
  await page.locator("thead input[type=checkbox]").check();
  await page.locator(".bulk button", { hasText: "Approve" }).click();
  await page.locator("dialog button[type=submit]").click();
  await toast(page, "2 phones approved");
  await page.locator(".list-body .empty").waitFor();
});

test("the trail is filtered by its address, taken out, and read live", async () => {
  await stage.open("/admin/audit?event=account.created", "Audit");
  await page.locator(".rows-table tbody tr").first().waitFor();
  assert.equal(await page.locator(".rows-table tbody tr", { hasText: "Session began" }).count(), 0);
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("a[download='audit.csv']").click()]);
  assert.match(readFileSync(await download.path(), "utf8"), /account\.created/);
  // Whatever happens once the server has answered is told.
  const listens = page.waitForResponse((answer) => answer.url().endsWith("/audit/live"));
  await page.locator("button", { hasText: "Watch live" }).click();
  await page.locator("[role=status]", { hasText: "Waiting for what happens next" }).first().waitFor();
  await listens;
  await stage.person("seen.live");
  await row(page, "seen.live").waitFor();
  await page.locator("button", { hasText: "Stop watching" }).click();
  await page.locator(".list-bar").waitFor();
});

test("a key for a program is shown once, works, and is revoked", async () => {
  await stage.open("/admin/api-keys?new=1", "API keys");
  await page.locator("dialog [name=name]").fill("HR sync");
  await page.locator("dialog [value='users.read']").check();
  await look(page, "console-api-key-new");
  await page.locator("dialog button[type=submit]").click();
  const text = await page.locator("dialog .copyable code").innerText();
  assert.match(text, /^lbk_/);
  const ask = () => fetch(`${stage.issuer}/api/admin/v1/users`, { headers: { authorization: `Bearer ${text}` } });
  assert.equal((await ask()).status, 200);
  await page.locator("dialog button", { hasText: "Done" }).click();
  await row(page, "HR sync").locator("button", { hasText: "Revoke" }).click();
  await page.locator("dialog button[type=submit]").click();
  await page.locator(".badge.bad", { hasText: "revoked" }).waitFor();
  assert.equal((await ask()).status, 401);
});

test("people are imported from a file: first each row's fate, then the doing", async () => {
  await stage.open("/admin/imports", "Import");
  const table = "username,email,name\nanna,anna@mail.example,Anna\nbad name!,x,Nobody\notto,otto@mail.example,Otto\n";
  await page.locator("input[type=file]").setInputFiles({ name: "people.csv", mimeType: "text/csv", buffer: Buffer.from(table) });
  await page.locator("button", { hasText: "Check it" }).click();
  await ready(page, "Import of users");
  await row(page, "anna").waitFor();
  await page.locator(".badge", { hasText: "cannot" }).first().waitFor();
  await look(page, "console-import");
  assert.equal((await stage.api("GET", "/users?q=anna")).body.items.length, 0, "a dry run made somebody");
  await page.locator("button", { hasText: "Do it for 2" }).click();
  await toast(page, "2 done");
  assert.equal((await stage.api("GET", "/users?q=anna")).body.items.length, 1);
  await quiet(page);
});

test("letters for many are one PDF", async () => {
  await stage.open("/admin/imports?kind=letters", "Import");
  await page.locator(".card", { has: page.locator("h2", { hasText: "Letters without a file" }) }).locator("button[type=submit]").click();
  await ready(page, "Letters");
  await page.locator("button", { hasText: "Do it for" }).click();
  const link = page.locator("a", { hasText: "Letters (PDF)" });
  await link.waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  assert.equal(readFileSync(await download.path()).subarray(0, 5).toString(), "%PDF-");
});

test("a group brings its members and takes them out again", async () => {
  const id = await stage.person("joiner");
  await stage.open("/admin/groups?new=1", "Groups");
  await page.locator("dialog [name=name]").fill("Staff");
  await page.locator("dialog button[type=submit]").click();
  await ready(page, "Staff");
  await page.locator("button", { hasText: "Add member" }).click();
  await page.locator("dialog [name=user]").fill("joiner");
  await page.locator("dialog button[type=submit]").click();
  await row(page, "joiner").waitFor();
  await look(page, "console-group");
  assert.deepEqual((await stage.api("GET", `/users/${id}`)).body.groups, ["Staff"]);
  await quiet(page);
  await row(page, "joiner").locator("input[type=checkbox]").check();
  await page.locator(".bulk button", { hasText: "Remove from group" }).click();
  await page.locator(".list-body .empty").waitFor();
});

test("a session is ended from the list", async () => {
  const other = await stage.desktop();
  await other.goto(`${stage.issuer}/login`);
  const password = stage.server.user("visitor");
  await other.locator("form#login input[name=username]").fill("visitor");
  await other.locator("form#login input[name=password]").fill(password);
  await other.locator("button#login-submit").click();
  await other.locator("#signed-in").waitFor();
  await stage.open("/admin/sessions?q=visitor", "Sessions");
  await row(page, "visitor").locator("button", { hasText: "End session" }).click();
  await page.locator("dialog button[type=submit]").click();
  await toast(page, "has ended");
  await page.locator(".list-body .empty").waitFor();
});

test("keys are rotated, and a hasty second time is asked about", async () => {
  await stage.open("/admin/keys", "Signing keys");
  await page.locator("button", { hasText: "Rotate keys" }).click();
  await page.locator("dialog button[type=submit]").click();
  await page.locator(".toast, dialog h2").filter({ hasText: /rotated|Too soon/ }).first().waitFor();
});

test("a claim is defined, given to a person, and refused in a wrong form at its field", async () => {
  await stage.open("/admin/claims", "Custom claims");
  await page.locator("button", { hasText: "New claim" }).first().click();
  await page.locator("dialog [name=name]").fill("seat");
  await page.locator("dialog [name=kind]").selectOption("number");
  await page.locator("dialog [name=scope]").fill("work");
  await page.locator("dialog [name=max]").fill("9");
  await look(page, "console-claim");
  await page.locator("dialog button[type=submit]").click();
  await page.locator("code", { hasText: "seat" }).waitFor();
  const id = await stage.person("seated");
  await stage.open(`/admin/users/${id}`, "seated");
  const claims = page.locator("textarea[name=claims]");
  await claims.fill('{ "seat": 12 }');
  await page.locator("form.form button[type=submit]").click();
  await page.locator("[data-field=claims] .field-wrong:visible").waitFor();
  await claims.fill('{ "seat": 7 }');
  await page.locator("form.form button[type=submit]").click();
  await toast(page, "Saved");
  assert.equal((await stage.api("GET", `/users/${id}`)).body.claims.seat, 7);
  await stage.open("/admin/claims", "Custom claims");
  await page.locator("button", { hasText: "Remove" }).click();
  await page.locator("dialog button[type=submit]").click();
  await page.locator(".list-body .empty").waitFor();
});

test("a recovery is opened by the helpdesk and cancelled again", async () => {
  await stage.person("helpless");
  await stage.open("/admin/recoveries", "Recoveries");
  await page.locator("button", { hasText: "Open a recovery" }).click();
  await page.locator("dialog [name=user]").fill("helpless");
  await page.locator("dialog [name=reason]").fill("came in person, showed a passport");
  await page.locator("dialog button[type=submit]").click();
  await row(page, "helpless").waitFor();
  await look(page, "console-recovery");
  await row(page, "helpless").locator("button", { hasText: "Cancel" }).click();
  await page.locator("dialog button[type=submit]").click();
  await row(page, "helpless").locator(".badge", { hasText: "cancelled" }).waitFor();
});

test("a consent is withdrawn, and a sign-in at the app can be tried", async () => {
  const shop = await stage.party("corner-shop", { latchbolt_skip_consent: false });
  const password = stage.server.user("buyer");
  const buyer = await stage.desktop();
  await buyer.goto(`${shop.base}/start`);
  await buyer.locator("form#login input[name=username]").fill("buyer");
  await buyer.locator("form#login input[name=password]").fill(password);
  await buyer.locator("button#login-submit").click();
  await buyer.locator("button#consent-allow, form#consent button[value=allow], #consent button.primary").first().click();
  await buyer.locator("#inside").waitFor();
  await stage.open("/admin/consents", "Consents");
  await row(page, "corner-shop").locator("button", { hasText: "Withdraw" }).click();
  await page.locator("dialog button[type=submit]").click();
  await toast(page, "withdrawn");
  await page.locator(".list-body .empty").waitFor();

  await stage.open("/admin/clients/corner-shop", "corner-shop");
  await page.locator("button", { hasText: "Try a sign-in" }).click();
  const link = page.locator("dialog a.primary");
  await link.waitFor();
  assert.match(await link.getAttribute("href"), /^https?:/);
  await page.keyboard.press("Escape");
  await page.locator("#preset").selectOption({ index: 1 });
  await page.locator("pre.copyable-text").waitFor();
  await look(page, "console-client-preset");
});
