// CAS in the console and on the account page: a site that speaks CAS, and apps made for CAS.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { ConsoleStage, quiet, ready, row, toast } from "./console-stage.mjs";
import { press, type } from "./keyboard.mjs";
import { look } from "./look.mjs";
import { signInByPassword } from "./stage.mjs";

let stage;
let page;
let password;

before(async () => {
  stage = await ConsoleStage.raise({ cas: { enabled: true }, cas_qr: { enabled: true } });
  page = stage.admin;
  password = stage.server.user("ada");
});
afterEach(() => stage.assertQuiet());
after(() => stage?.strike());

const field = (name) => page.locator(`[name="${name}"]`);
const wrong = (name) => page.locator(`[data-field="${name}"] .field-wrong:visible`);
const submit = () => page.locator("#page form button[type=submit]").click();

test("a site that speaks CAS is registered, said to be wrong where it is, found, edited, and asked for a ticket", async () => {
  await stage.open("/admin/clients/new", "Register an app");
  await page.locator("[data-kind=cas]").click();
  await field("client_name").fill("The Library");
  await field("client_id").fill("library");
  for (const bad of ["https://*.library.example/**", "library.example/**", "https://library.example:*/"]) {
    await field("latchbolt_cas.services").fill(bad);
    await submit();
    await wrong("latchbolt_cas.services").waitFor();
    assert.equal(await field("latchbolt_cas.services").getAttribute("aria-invalid"), "true", bad);
  }
  await look(page, "console-cas-service-wrong");
  await field("latchbolt_cas.services").fill("https://library.example/**\nhttps://books.library.example/shelf/*");
  await field("latchbolt_cas.attributes").fill("two words = email");
  await submit();
  await wrong("latchbolt_cas.attributes").waitFor();
  await field("latchbolt_cas.attributes").fill("mail = email\nnick = preferred_username");
  await field("latchbolt_cas.single_logout").selectOption("front");
  await field("latchbolt_cas.logout_url").fill("https://library.example/out");
  await field("latchbolt_cas.required_acr").selectOption("phr");
  await field("latchbolt_cas.texts").fill("en = The library's catalogue\nde = Der Katalog der Bibliothek");
  await field("latchbolt_cas.order").fill("7");
  await field("latchbolt_cas_apps").check();
  await look(page, "console-cas-service-new");
  await submit();
  await page.locator("h2", { hasText: "Registered" }).waitFor();
  await look(page, "console-cas-service-made");
  await page.locator("a", { hasText: "Go to the app" }).click();
  await ready(page, "The Library");
  for (const text of ["https://library.example/**", "https://books.library.example/shelf/*", "mail = email", "https://library.example/out", "de = Der Katalog der Bibliothek"]) {
    await page.locator("dd code", { hasText: text }).waitFor();
  }
  await page.locator("dd", { hasText: "By the browser" }).waitFor();
  await page.locator("dd", { hasText: /^Passkey$/ }).waitFor();
  await page.locator("dt", { hasText: "People may sign in with apps made for CAS" }).waitFor();
  await look(page, "console-cas-service");

  await stage.open("/admin/clients", "Apps");
  await row(page, "The Library").locator("td", { hasText: "A site that speaks CAS" }).waitFor();
  await row(page, "The Library").locator("td", { hasText: "https://library.example/**" }).waitFor();
  await row(page, "The Library").locator("a").first().click();
  await ready(page, "The Library");
  await page.locator("[role=tab]", { hasText: "Edit" }).click();
  assert.equal(await field("latchbolt_cas.attributes").inputValue(), "mail = email\nnick = preferred_username");
  assert.equal(await field("latchbolt_cas.required_acr").inputValue(), "phr");
  assert.equal(await field("latchbolt_cas_apps").isChecked(), true);
  await field("latchbolt_cas.services").fill("https://library.example/**\nhttps://*.library.example/");
  await submit();
  await wrong("latchbolt_cas.services").waitFor();
  await field("latchbolt_cas.services").fill("https://library.example/**");
  await field("latchbolt_cas.required_acr").selectOption("");
  await field("latchbolt_cas.single_logout").selectOption("back");
  await look(page, "console-cas-service-edit");
  await submit();
  await toast(page, "Saved");
  await ready(page, "The Library");
  assert.equal(await page.locator("dd code", { hasText: "books.library.example" }).count(), 0);
  const { body } = await stage.api("GET", "/clients/library");
  assert.deepEqual(body.latchbolt_cas.services, ["https://library.example/**"]);
  assert.equal(body.latchbolt_cas.required_acr, undefined);
  assert.equal(body.latchbolt_cas.order, 7);

  // What the operator wrote is what people read.
  const guest = await stage.desktop();
  await guest.goto(`${stage.issuer}/cas/login?service=${encodeURIComponent("https://library.example/in")}`);
  await guest.locator("text=The library's catalogue").waitFor();
  const strange = await guest.goto(`${stage.issuer}/cas/login?service=${encodeURIComponent("https://other.example/in")}`);
  assert.equal(strange.status(), 403);
  await guest.context().close();
  await quiet(page);
});

test("an app made for CAS is registered for a person, found, stopped and let back, and removed after a question", async () => {
  await stage.open("/admin/devices", "Phones");
  await page.locator("button", { hasText: "Register an app for CAS" }).click();
  await page.locator("dialog [name=user]").fill("ada");
  await page.locator("dialog [name=cas_name]").fill("not a name");
  await page.locator("dialog button[type=submit]").click();
  await page.locator("dialog [data-field=cas_name] .field-wrong:visible").waitFor();
  await look(page, "console-cas-device-new");
  await page.locator("dialog [name=cas_name]").fill("Ada.Phone-1");
  await page.locator("dialog [name=name]").fill("Old phone");
  await page.locator("dialog button[type=submit]").click();
  await ready(page, "Old phone");
  await page.locator("dd code", { hasText: "ada.phone-1" }).waitFor();
  await page.locator("dd", { hasText: "App for CAS, lowest assurance" }).waitFor();
  await look(page, "console-cas-device");
  await stage.open("/admin/devices?kind=cas", "Phones");
  await row(page, "Old phone").locator("td", { hasText: "App for CAS, lowest assurance" }).waitFor();
  await look(page, "console-cas-devices");
  // Nobody takes its name over.
  await page.locator("button", { hasText: "Register an app for CAS" }).click();
  await page.locator("dialog [name=user]").fill("root");
  await page.locator("dialog [name=cas_name]").fill("ADA.PHONE-1");
  await page.locator("dialog button[type=submit]").click();
  await page.locator("dialog [data-field=cas_name] .field-wrong:visible").waitFor();
  await page.locator("dialog button", { hasText: "Cancel" }).click();

  await row(page, "Old phone").locator("a", { hasText: "Old phone" }).click();
  await ready(page, "Old phone");
  await page.locator(".page-actions button", { hasText: "Suspend" }).click();
  await page.locator("dialog button[type=submit]").click();
  await page.locator(".badge", { hasText: "suspended" }).waitFor();
  await page.locator(".toast button", { hasText: "Undo" }).click();
  await page.locator(".badge.good", { hasText: "active" }).waitFor();
  await quiet(page);
  await page.locator(".page-actions button", { hasText: "Revoke" }).click();
  await page.locator("dialog button", { hasText: "Cancel" }).click();
  await page.locator(".badge.good", { hasText: "active" }).waitFor();
  await page.locator(".page-actions button", { hasText: "Revoke" }).click();
  await page.locator("dialog button[type=submit]").click();
  await page.locator(".badge.bad", { hasText: "revoked" }).waitFor();
  await quiet(page);
});

test("owners add their own app made for CAS, by keyboard, without scripts, and are told", async () => {
  const ada = await stage.desktop();
  await ada.goto(`${stage.issuer}/account/devices`);
  await signInByPassword(ada, "ada", password);
  await ada.locator("#cas-app").waitFor();
  await look(ada, "account-cas-closed");
  await press(ada, "#cas-app summary");
  await ada.locator("#cas-weak:visible").waitFor();
  await type(ada, "#cas-name", "two words");
  await look(ada, "account-cas-open");
  await press(ada, "#cas-submit");
  await ada.locator("[role=alert]").waitFor();
  assert.equal(await ada.locator("#cas-name").getAttribute("aria-invalid"), "true");
  assert.equal(await ada.locator("#cas-name").inputValue(), "two words", "as it was typed");
  await look(ada, "account-cas-wrong");

  const plain = await stage.desktop({ javaScriptEnabled: false });
  await plain.goto(`${stage.issuer}/account/devices`);
  await signInByPassword(plain, "ada", password);
  await plain.locator("#cas-app summary").click();
  await plain.locator("#cas-name").fill("Ada.Phone-2");
  await plain.locator("#cas-own-name").fill("Campus app");
  await plain.locator("#cas-submit").click();
  await plain.locator("#devices h2", { hasText: "Campus app" }).waitFor();
  await plain.locator("#devices", { hasText: "App for CAS, lowest assurance (ada.phone-2)" }).waitFor();
  await plain.goto(`${stage.issuer}/account/activity`);
  await plain.locator("li", { hasText: "Campus app" }).first().waitFor();
  await ada.goto(`${stage.issuer}/account/devices`);
  await look(ada, "account-cas-added");
  await plain.goto(`${stage.issuer}/account/devices`);
  await plain.locator("#devices li", { hasText: "Campus app" }).locator("summary").click();
  await plain.locator("#devices li", { hasText: "Campus app" }).locator("button.danger").click();
  await plain.locator("#gone").waitFor();
  assert.equal(await plain.locator("#devices").count(), 0);
});
