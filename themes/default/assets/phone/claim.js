// A sign-in that this phone holds: shows who asks, and takes the owner's decision.
// However it came here, by the scanner, by the camera app or by a link: the facts, the warning and the check
// code are the same (SEC-061).

import { claim as claimChannel, decide, now, Refused } from "./api.js";
import { sign } from "./keys.js";
import { approvalMessage, passkeyChallenge } from "./messages.js";
import { verifyOwner } from "./passkey.js";
import { alertIn, one, show } from "./screens.js";
import { problem, say, when } from "./words.js";

const screen = one("#claim");
const buttons = [one("#approve"), one("#deny"), one("#report")];
const input = one("#check-code");
let held = null;
let clock = null;

function state(word) {
  screen.dataset.state = word;
  for (const part of screen.querySelectorAll("[data-on]")) {
    part.hidden = !part.dataset.on.split(" ").includes(word);
  }
  const waits = word === "claimed";
  for (const button of buttons) button.disabled = !waits;
  input.readOnly = !waits;
  if (!["claimed", "verifying", "sending"].includes(word)) {
    clearInterval(clock);
    held = null;
    input.value = "";
    screen.querySelector(`.screen[data-on~="${word}"] h2`)?.focus?.();
  }
}

/** Claims the sign-in with this channel id and shows it. */
export async function openClaim(phone, channel) {
  clearInterval(clock);
  held = null;
  alertIn("#claim-problem", null);
  one("#claim-status").textContent = "";
  state("opening");
  show("claim");
  try {
    const claimed = await claimChannel(phone, channel);
    const facts = JSON.parse(claimed.facts);
    held = { phone, channel, claimed, facts, ends: Date.now() + claimed.expires_in * 1000 };
    draw(facts);
    one("#code-field").hidden = !claimed.code_needed;
    state("claimed");
    clock = setInterval(tick, 1000);
    tick();
    one("#claim-title").focus({ preventScroll: true });
  } catch (error) {
    fail(error);
  }
}

function fail(error) {
  if (error instanceof Refused && error.code === "gone") return state("expired");
  one("#failed-why").textContent = problem(error);
  state("failed");
}

function tick() {
  if (!held) return;
  const left = Math.ceil((held.ends - Date.now()) / 1000);
  one("#claim-time").textContent = left > 0 ? say("expires", { seconds: left }) : "";
  if (left <= 0 && screen.dataset.state === "claimed") state("expired");
}

// Everything here came from outside: it enters the page as text and never as markup.
function draw(facts) {
  const known = (value) => (value === null || value === undefined || value === "" ? null : String(value));
  const client = facts.client;
  const isOwn = client.id === null;
  const name = known(client.name);
  one("#claim-title").textContent = isOwn ? say("title_own") : say("title", { client: name ?? say("unknown") });
  one("#claim-letter").textContent = (name ?? "·").slice(0, 1).toUpperCase();
  one("#claim-host").textContent = known(client.host) ?? say("unknown");
  one("#claim-unverified").hidden = client.verified === true;
  one("#claim-verified").hidden = client.verified !== true;
  const place = [known(facts.place.city), known(facts.place.country)].filter(Boolean).join(", ") || null;
  const isKnown = { true: say("known_yes"), false: say("known_no") }[String(facts.browser.known)] ?? null;
  const near = ["same_address", "same_network", "same_country", "far"].includes(facts.proximity)
    ? say("proximity_" + facts.proximity)
    : null;
  const scopes = facts.scopes.filter((scope) => scope !== "openid");
  const rows = [
    ["client", say("site"), name],
    ["host", say("host"), known(client.host)],
    ["provider", say("provider"), known(facts.provider)],
    ["browser", say("browser"), known(facts.browser.browser)],
    ["system", say("system"), known(facts.browser.system)],
    ["known", say("known"), isKnown, facts.browser.known === false],
    ["network", say("network"), known(facts.place.network)],
    ["place", say("place"), place],
    ["proximity", say("proximity"), near, facts.proximity === "far"],
    ["started", say("started"), facts.started_at ? when(facts.started_at) : null],
    ["scopes", say("scopes"), scopes.length ? scopes.join(", ") : say("scopes_none")],
  ];
  one("#facts").replaceChildren(...rows.map(row));
}

function row([name, label, value, isOdd]) {
  const pair = document.createElement("div");
  pair.dataset.fact = name;
  const term = document.createElement("dt");
  term.textContent = label;
  const text = document.createElement("dd");
  text.textContent = value ?? say("unknown");
  if (value === null) text.className = "is-unknown";
  if (isOdd) text.className = "is-odd";
  pair.append(term, text);
  return pair;
}

async function send(decision, code) {
  const { phone, channel, claimed, facts } = held;
  const uv = decision === "approve";
  let assertion;
  if (uv) {
    // The passkey signs these facts and no others; a challenge that says something else is not answered.
    const challenge = await passkeyChallenge(claimed.facts, claimed.nonce);
    if (claimed.webauthn?.publicKey.challenge !== challenge) throw new Refused(0, { code: "other" });
    state("verifying");
    one("#claim-status").textContent = say("verify");
    assertion = await verifyOwner(claimed.webauthn);
  }
  state("sending");
  one("#claim-status").textContent = say("sending");
  const time = now();
  const message = await approvalMessage({
    issuer: phone.issuer,
    channel,
    nonce: claimed.nonce,
    facts: claimed.facts,
    client: facts.client.id,
    account: phone.account.id,
    device: phone.device,
    decision,
    uv,
    code,
    time,
  });
  const body = { device: phone.device, decision, uv, time, signature: await sign(phone.privateKey, message) };
  if (code !== null) body.check_code = code;
  if (assertion) body.assertion = assertion;
  await decide(claimed.claim, body);
}

async function act(decision, end) {
  if (!held || screen.dataset.state !== "claimed") return;
  alertIn("#claim-problem", null);
  let code = null;
  if (decision === "approve" && held.claimed.code_needed) {
    code = input.value.trim();
    if (!/^[0-9]{3}$/.test(code)) {
      alertIn("#claim-problem", say("code_missing"));
      input.focus();
      input.scrollIntoView({ block: "center" });
      return;
    }
  }
  const { claimed } = held;
  try {
    await send(decision, code);
    state(end);
  } catch (error) {
    if (held?.claimed !== claimed) return;
    one("#claim-status").textContent = "";
    if (error?.code === "wrong_check_code" && error.left > 0) {
      state("claimed");
      input.value = "";
      input.focus();
      alertIn("#claim-problem", say("code_wrong", { left: error.left }));
    } else if (error?.code === "wrong_check_code") {
      state("denied");
    } else if (error instanceof Refused && !["offline", "slow_down"].includes(error.code)) {
      fail(error);
    } else {
      // Not verified, not connected or too fast: the sign-in is still this phone's to decide.
      state("claimed");
      alertIn("#claim-problem", error instanceof Refused ? problem(error) : say("not_verified"));
    }
  }
}

input.addEventListener("input", () => {
  input.value = input.value.replace(/[^0-9]/g, "").slice(0, 3);
  // The keyboard goes away and the buttons come back; approving is still a tap of its own.
  if (input.value.length === 3) one("#approve").focus({ preventScroll: true });
});
one("#decide").addEventListener("submit", (event) => {
  event.preventDefault();
  act("approve", "approved");
});
one("#deny").addEventListener("click", () => act("deny", "denied"));
one("#report").addEventListener("click", () => act("report", "reported"));
