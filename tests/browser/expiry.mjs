// A sign-in that nobody decides ends two minutes after its claim (SEC-007): the one test that has to wait.

import { after, afterEach, before, test } from "node:test";

import { look } from "./look.mjs";
import { Stage, begin, claim, panel, readScreen, scan } from "./stage.mjs";

const LIFE = 120_000;
let stage;
let shop;
let phone;
let other;

export function expiry() {
  before(async () => {
    stage = await Stage.raise();
    shop = await stage.party("shop");
    phone = await stage.enrolledPhone("ada", stage.server.user("ada"));
    other = await stage.enrolledPhone("ben", stage.server.user("ben"));
  });
  afterEach(() => stage.assertQuiet());
  after(() => stage?.strike());

  test("a sign-in that nobody decides ends on both sides", async () => {
    const desktop = await stage.desktop();
    await begin(desktop, shop);
    const link = await readScreen(desktop);
    await phone.goto(link);
    await claim(phone, "claimed");
    await panel(desktop, "claimed");
    await phone.locator('#claim[data-state="expired"]').waitFor({ timeout: LIFE + 15_000 });
    await desktop.locator('#qr[data-state="expired"]').waitFor({ timeout: LIFE });
    await look(phone, "phone-expired");
    // Its code says nothing more to any phone, and the browser may begin again.
    await other.goto(link);
    await claim(other, "expired");
    await desktop.locator("#qr-refresh").click();
    await scan(other, desktop);
    await claim(other, "claimed");
  });
}
