// This phone is the old one: it reads the offer of a new phone, and its owner lets that one take its place.
// The new phone's side is offer.js. Nothing changes here until the new phone has finished.

import { approveMove, claimMove, denyMove, Refused, standing } from "./api.js";
import { startScan, take } from "./home.js";
import { canScan } from "./scanner.js";
import { alertIn, busy, one, show, shown } from "./screens.js";
import { proof } from "./upkeep.js";
import { problem, say } from "./words.js";

const EVERY = 3000;
const screen = one("#moving");
const input = one("#move-number");
const buttons = [one("#move-approve"), one("#move-deny")];
let held = null;

function state(word) {
  screen.dataset.state = word;
  for (const part of screen.querySelectorAll("[data-on]")) {
    part.hidden = !part.dataset.on.split(" ").includes(word);
  }
  const waits = word === "claimed";
  for (const button of buttons) button.disabled = !waits;
  input.readOnly = !waits;
  if (!["claimed", "verifying", "sending"].includes(word)) {
    input.value = "";
    screen.querySelector(`.screen[data-on~="${word}"] h2`)?.focus?.();
  }
}

/** Shows how a new phone takes this one's place. */
export async function explainMove() {
  held = null;
  alertIn("#move-link-problem", null);
  one("#moving details").open = false;
  state("start");
  show("moving");
  const able = await canScan();
  one("#move-scan").hidden = !able;
  one("#move-camera").hidden = able;
}

/** Claims the offer of a new phone and shows it. `moved()` is called when that one has this phone's place. */
export async function answerMove(phone, offer, moved) {
  const mine = (held = { phone, offer, moved });
  alertIn("#move-problem", null);
  one("#move-status").textContent = "";
  state("opening");
  show("moving");
  try {
    const claimed = await claimMove(phone, offer);
    if (held !== mine) return;
    mine.ends = Date.now() + claimed.expires_in * 1000;
    draw(claimed);
    state("claimed");
    screen.querySelector("#move-title").focus({ preventScroll: true });
  } catch (error) {
    if (held === mine) fail(error);
  }
}

function fail(error) {
  held = null;
  if (error instanceof Refused && error.code === "gone") return state("over");
  one("#move-why").textContent = problem(error);
  state("failed");
}

// What the new phone says of itself enters the page as text and never as markup.
function draw(claimed) {
  const network = claimed.same_network ? say("proximity_same_network") : say("far_network");
  const rows = [
    ["system", say("system"), claimed.platform, false],
    ["model", say("model"), claimed.model, false],
    ["network", say("network"), network, !claimed.same_network],
  ];
  one("#move-facts").replaceChildren(...rows.filter(([, , value]) => value).map(row));
}

function row([name, label, value, isOdd]) {
  const pair = document.createElement("div");
  pair.dataset.fact = name;
  const term = document.createElement("dt");
  term.textContent = label;
  const text = document.createElement("dd");
  text.textContent = value;
  if (isOdd) text.className = "is-odd";
  pair.append(term, text);
  return pair;
}

async function approve() {
  if (!held || screen.dataset.state !== "claimed") return;
  alertIn("#move-problem", null);
  const number = input.value.trim();
  if (!/^[0-9]{3}$/.test(number)) {
    alertIn("#move-problem", say("code_missing"));
    input.focus();
    return;
  }
  const mine = held;
  try {
    state("verifying");
    one("#move-status").textContent = say("verify");
    const proven = await proof(mine.phone, "move", mine.offer);
    state("sending");
    one("#move-status").textContent = say("sending");
    await approveMove(mine.phone, mine.offer, number, proven);
    if (held !== mine) return;
    state("approved");
    setTimeout(() => watch(mine), EVERY);
  } catch (error) {
    if (held !== mine) return;
    one("#move-status").textContent = "";
    if (error?.code === "wrong_check_code" && error.left > 0) {
      state("claimed");
      input.value = "";
      input.focus();
      alertIn("#move-problem", say("code_wrong", { left: error.left }));
    } else if (error?.code === "wrong_check_code") {
      held = null;
      state("denied");
    } else if (error instanceof Refused && !["offline", "slow_down"].includes(error.code)) {
      fail(error);
    } else {
      // Not verified, not connected or too fast: it is still this phone's to answer.
      state("claimed");
      alertIn("#move-problem", error instanceof Refused ? problem(error) : say("not_verified"));
    }
  }
}

async function deny() {
  const mine = held;
  if (!mine) return;
  alertIn("#move-problem", null);
  alertIn("#move-stop-problem", null);
  try {
    await denyMove(mine.phone, mine.offer);
  } catch (error) {
    // Over is as good as turned away, unless the new phone was quicker: then the next look tells.
    if (held !== mine) return;
    if (error?.code !== "gone") {
      alertIn(screen.dataset.state === "approved" ? "#move-stop-problem" : "#move-problem", problem(error));
      return;
    }
    if (screen.dataset.state === "approved") return;
  }
  if (held !== mine) return;
  held = null;
  state("denied");
}

// The new key takes the old one's place in one step; from then on this phone is unknown to the service.
async function watch(mine) {
  if (held !== mine || shown() !== "moving") return;
  try {
    await standing(mine.phone);
  } catch (error) {
    if (held !== mine) return;
    if (error instanceof Refused && error.code === "forbidden") {
      held = null;
      await mine.moved();
      return state("moved");
    }
  }
  setTimeout(() => watch(mine), EVERY);
}

input.addEventListener("input", () => {
  input.value = input.value.replace(/[^0-9]/g, "").slice(0, 3);
  if (input.value.length === 3) one("#move-approve").focus({ preventScroll: true });
});
one("#move-decide").addEventListener("submit", (event) => {
  event.preventDefault();
  approve();
});
one("#move-deny").addEventListener("click", deny);
one("#move-stop").addEventListener("click", (event) => busy([event.currentTarget], deny));
one("#move-scan").addEventListener("click", startScan);
one("#move-form").addEventListener("submit", (event) => {
  event.preventDefault();
  alertIn("#move-link-problem", null);
  if (take(one("#move-link").value, "#move-link-problem")) one("#move-link").value = "";
});
