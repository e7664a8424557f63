// The console: getting in, people, phones, and what everybody can do with a keyboard alone.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import jsQR from "jsqr";
import { PNG } from "pngjs";

import { ConsoleStage, quiet, ready, row, toast } from "./console-stage.mjs";
import { look } from "./look.mjs";
import { authenticator, signInByPassword } from "./stage.mjs";

let stage;
let page;

before(async () => {
  stage = await ConsoleStage.raise();
  page = stage.admin;
});
afterEach(() => stage.assertQuiet());
after(() => stage?.strike());

test("sec_182 nobody gets in without a role, and nobody without a passkey", async () => {
  const stranger = await stage.desktop();
  await stranger.goto(`${stage.issuer}/admin/users`);
  await stranger.locator("#ways").waitFor();
  assert.equal(await stranger.locator("form#login input[name=password]").count(), 0, "a password is offered");

  const password = stage.server.user("nobody");
  const person = await stage.desktop();
  await person.goto(`${stage.issuer}/login`);
  await signInByPassword(person, "nobody", password);
  await person.locator("#signed-in").waitFor();
  const answer = await person.goto(`${stage.issuer}/admin`);
  assert.equal(answer.status(), 403);
  await person.locator("#not-yours").waitFor();
  await look(person, "console-not-yours");
  assert.equal((await person.request.get(`${stage.issuer}/api/admin/v1/users`)).status(), 403);

  // An administrator with a password alone is led to adding a passkey.
  const id = (await stage.api("GET", "/users?q=nobody")).body.items[0].id;
  const { etag } = await stage.api("GET", `/users/${id}`);
  await stage.api("PUT", `/users/${id}/roles`, { roles: ["helpdesk"] }, { "if-match": etag });
  await person.goto(`${stage.issuer}/admin`);
  await person.waitForURL("**/login/passkey/new");
  await authenticator(person);
  await person.locator("button#passkey-add").click();
  await person.locator("#to-console").click();
  await person.locator("button#passkey").click();
  // Helpdesk sees no statistics: the first section that is theirs opens.
  await ready(person, "Users");
  assert.equal(await person.locator("#menu a[data-section=policies]").count(), 0);
  assert.equal(await person.locator("button", { hasText: "New user" }).count(), 0);
});

test("every section opens, in light and dark, on small and wide screens, without a violation", async () => {
  await stage.person("grace", { name: "Grace Hopper", email: "grace@mail.example" });
  const sections = await page.locator("#menu a[data-section]").evaluateAll((links) => links.map((link) => [link.getAttribute("href"), link.textContent.trim(), link.dataset.section]));
  assert.ok(sections.length >= 10, `only ${sections.length} sections`);
  for (const [href, title, section] of sections) {
    await stage.open(href, title);
    assert.equal(await page.locator("#page .empty[role=alert]").count(), 0, `${section} could not be shown`);
    await look(page, `console-${section}`);
  }
});

test("by keyboard alone: the palette, a new user, a conflict said at its field", async () => {
  await stage.open("/admin", "Overview");
  await page.keyboard.press("Control+k");
  await page.locator("dialog.palette").waitFor();
  await page.keyboard.type("new user");
  await page.keyboard.press("Enter");
  await page.locator("dialog.dialog").waitFor();
  await page.keyboard.type("linus");
  await page.keyboard.press("Tab");
  await page.keyboard.type("Linus T.");
  await page.keyboard.press("Enter");
  await ready(page, "Linus T.");
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1");

  // Tabs by arrow keys; the address keeps the choice.
  await page.locator("[role=tab]").first().focus();
  await page.keyboard.press("ArrowRight");
  await page.waitForURL(/tab=devices/);
  await page.keyboard.press("End");
  await page.waitForURL(/tab=activity/);
  await page.reload();
  await page.locator("[role=tab][aria-selected=true]", { hasText: "Activity" }).waitFor();

  await stage.open("/admin/users?new=1", "Users");
  await page.locator("dialog [name=username]").fill("linus");
  await page.keyboard.press("Enter");
  await page.locator("dialog .field[data-field=username] .field-wrong:visible").waitFor();
  assert.equal(await page.locator("dialog [name=username]").getAttribute("aria-invalid"), "true");
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });

  // Somebody is found by the palette.
  await page.keyboard.press("Control+k");
  await page.keyboard.type("linus");
  await page.locator(".palette-list li", { hasText: "Linus T." }).waitFor();
  await page.locator("[aria-selected=true]", { hasText: "linus" }).waitFor();
  await page.keyboard.press("Enter");
  await ready(page, "Linus T.");
});

test("a list is searched, filtered, sorted, turned; the back button undoes each", async () => {
  for (let at = 0; at < 53; at += 1) await stage.person(`member${String(at).padStart(2, "0")}`);
  await stage.open("/admin/users", "Users");
  await page.locator("button", { hasText: "Next" }).click();
  await page.waitForURL(/cursor=/);
  await page.goBack();
  await ready(page, "Users");
  assert.ok(!page.url().includes("cursor="));
  await page.keyboard.press("/");
  await page.keyboard.type("member4");
  await page.waitForURL(/q=member4/);
  await row(page, "member40").waitFor();
  await page.waitForFunction(() => document.querySelectorAll(".rows-table tbody tr").length === 10);
  await page.locator("[data-sort=username]").click();
  await page.waitForURL(/sort=-username/);
  await page.waitForFunction(() => document.querySelector(".rows-table tbody tr")?.textContent.includes("member49"));
  await page.locator("[data-filter=state]").selectOption("disabled");
  await page.locator(".list-body .empty").waitFor();
  await look(page, "console-users-nothing");
  await page.goBack();
  await row(page, "member49").waitFor();
  assert.equal(await page.locator("th[aria-sort=descending]").count(), 1);
});

test("everything that fits is chosen, beyond the page that is seen", async () => {
  await stage.api("POST", "/groups", { name: "Everybody" });
  await stage.open("/admin/users?state=active", "Users");
  await page.locator("thead input[type=checkbox]").check();
  await page.locator(".bulk strong", { hasText: "50 chosen" }).waitFor();
  await page.locator(".bulk button", { hasText: "Choose everything that fits" }).click();
  await page.locator(".bulk button", { hasText: "Add to group" }).click();
  await page.locator("dialog button[type=submit]").click();
  await page.locator("dialog .wide-dialog, dialog.wide-dialog").waitFor();
  await page.locator("dialog button", { hasText: "Do it for" }).click();
  await toast(page, "done");
  const { members } = (await stage.api("GET", "/groups?q=Everybody")).body.items[0];
  const active = (await stage.api("GET", "/users?state=active&limit=200")).body.items.length;
  assert.ok(active > 50);
  assert.equal(members, active);
  await quiet(page);
});

test("a person is edited against the version seen, disabled and enabled, locked down", async () => {
  const id = await stage.person("margaret", { name: "Margaret H." });
  await stage.open(`/admin/users/${id}`, "Margaret H.");
  await look(page, "console-user");
  const { etag } = await stage.api("GET", `/users/${id}`);
  await stage.api("PATCH", `/users/${id}`, { name: "Margaret Hamilton" }, { "if-match": etag });
  await page.locator("[name=name]").fill("M. Hamilton");
  await page.locator("form.form button[type=submit]").click();
  await page.locator(".alert", { hasText: "Somebody changed this meanwhile" }).waitFor();
  await page.locator(".alert button").click();
  await ready(page, "Margaret Hamilton");
  await page.locator("[name=name]").fill("M. Hamilton");
  await page.locator("form.form button[type=submit]").click();
  await toast(page, "Saved");
  await ready(page, "M. Hamilton");

  await page.locator("button", { hasText: "Disable" }).click();
  await page.locator("dialog button", { hasText: "Disable" }).click();
  await toast(page, "Disabled");
  await page.locator(".badge.bad", { hasText: "disabled" }).waitFor();
  await page.locator(".toast button", { hasText: "Undo" }).click();
  await page.locator(".badge.good", { hasText: "active" }).first().waitFor();
  await quiet(page);
  // No mail is configured here: said, and nothing is done.
  await page.locator("button", { hasText: "Reset password" }).click();
  await page.locator("dialog button[type=submit]").click();
  await page.locator(".toast.bad[role=alert]").waitFor();
  await quiet(page);
  await page.locator("button", { hasText: "Lock down" }).click();
  await look(page, "console-lock-down");
  await page.locator("dialog input").fill("key found on the street");
  await page.locator("dialog button", { hasText: "Lock down" }).click();
  await toast(page, "Locked down");
  await page.locator("button", { hasText: "Enable" }).click();
  await toast(page, "Enabled");
  for (const [name, heading] of [["factors", "Passkeys"], ["groups", "Roles"]]) {
    await stage.open(`/admin/users/${id}?tab=${name}`, "M. Hamilton");
    await page.locator(".tab-panel h2", { hasText: heading }).waitFor();
    await look(page, `console-user-${name}`);
  }
});

test("a phone is enrolled from the console's screen, suspended, restored, lost", async () => {
  const id = await stage.person("ada", { name: "Ada Lovelace" });
  await stage.open(`/admin/users/${id}?tab=devices`, "Ada Lovelace");
  await page.locator(".tab-panel button", { hasText: "Enrol a phone" }).first().click();
  await page.locator("dialog button[type=submit]").click();
  await page.locator("dialog .qr-card svg").waitFor();
  await look(page, "console-enrolment");
  const seen = PNG.sync.read(await page.screenshot());
  const code = jsQR(new Uint8ClampedArray(seen.data), seen.width, seen.height);
  assert.ok(code, "no QR code can be read from the screen");
  const phone = await stage.phone();
  await phone.goto(code.data);
  await phone.locator("form#enrol input[name=agree]").check();
  await phone.locator("button#enrol-submit").tap();
  await phone.locator("#enrolled-now, #enrol-verify:visible").first().waitFor();
  if (await phone.locator("#enrol-passkey:visible").count()) await phone.locator("#enrol-passkey").tap();
  await phone.locator("#enrolled-now").waitFor();
  await page.locator("dialog", { hasText: "has a new phone" }).waitFor();
  assert.equal(await page.locator("dialog .qr-card").count(), 0, "the code is still shown");
  await page.locator("dialog button", { hasText: "Done" }).click();

  await stage.open("/admin/devices", "Phones");
  await row(page, "ada").locator("th a").click();
  await page.locator("button", { hasText: "Suspend" }).click();
  await page.locator("dialog button[type=submit]").click();
  await toast(page, "Suspended");
  await page.locator(".badge.warn", { hasText: "suspended" }).waitFor();
  await page.locator(".toast button", { hasText: "Undo" }).click();
  await page.locator(".badge.good", { hasText: "active" }).first().waitFor();
  await look(page, "console-device");
  await page.locator("button", { hasText: "Lost or stolen" }).click();
  await page.locator("dialog [name=note]").fill("left in a taxi");
  await page.locator("dialog button[type=submit]").click();
  await page.locator(".badge.warn", { hasText: "suspended" }).waitFor();
});

test("the console speaks German too, and keeps the choice", async () => {
  await stage.open("/admin/users", "Users");
  await page.locator("#menu select").selectOption("de");
  await ready(page, "Benutzer");
  assert.equal(await page.locator("html").getAttribute("lang"), "de");
  await look(page, "console-users-de");
  await page.locator("#menu select").selectOption("en");
  await ready(page, "Users");
});

test("whoever was signed out elsewhere is told so, and comes back to where they were", async () => {
  await stage.open("/admin/groups", "Groups");
  await page.context().clearCookies({ name: "__Host-lb_session" });
  await page.locator("[data-search]").fill("x");
  await page.locator("dialog", { hasText: "You are signed out" }).waitFor();
  await look(page, "console-signed-out");
  await page.locator("dialog button.primary").click();
  await page.locator("button#passkey").click();
  await ready(page, "Groups");
});

test("a list that cannot be had says so, and is there when tried again", async () => {
  const lists = (url) => url.pathname === "/api/admin/v1/devices";
  await page.route(lists, (route) => route.abort());
  await page.goto(`${stage.issuer}/admin/devices`);
  await page.locator(".list-body [role=alert]", { hasText: "cannot be reached" }).waitFor();
  await look(page, "console-unreachable");
  await page.unroute(lists);
  await page.locator("button", { hasText: "Try again" }).click();
  await page.locator(".rows-table, .list-body .empty:not([role=alert])").first().waitFor();
  await stage.open("/admin/users/acc_aaaqeayeaudaocajbifqydiob4", "Users");
  await page.locator("[role=alert]", { hasText: "Not there" }).waitFor();
});

test("a small screen has the menu behind a button, for keyboards too", async () => {
  await page.setViewportSize({ width: 320, height: 640 });
  await stage.open("/admin/groups", "Groups");
  assert.equal(await page.locator("#menu").isVisible(), false);
  await page.locator(".menu-button").focus();
  await page.keyboard.press("Enter");
  await page.locator("#menu a", { hasText: "Phones" }).waitFor();
  assert.equal(await page.locator(".menu-button").getAttribute("aria-expanded"), "true");
  await page.screenshot({ path: new URL("../out/screens/console-menu-320.png", import.meta.url).pathname });
  await page.keyboard.press("Tab");
  await page.keyboard.press("Escape");
  await page.locator("#menu").waitFor({ state: "hidden" });
  assert.ok(await page.evaluate(() => document.activeElement.classList.contains("menu-button")));
  await page.setViewportSize({ width: 1280, height: 800 });
});
