// The start page of an enrolled phone: scan, what it let in, leave.

import { endSession, Refused, revoke, sessions, standing } from "./api.js";
import { forgetPhone } from "./keys.js";
import { readCode } from "./links.js";
import { canScan, scan } from "./scanner.js";
import { settle } from "./renew.js";
import { alertIn, busy, issuer, one, provider, show, shown } from "./screens.js";
import { listOthers, upkeep } from "./upkeep.js";
import { problem, say, when } from "./words.js";

let phone = null;
let onCode = null;
let onChange = null;
let scanning = null;

/**
 * Shows the start page. `whenScanned({channel} or {offer})` is called with what is scanned or pasted, `changed()` when
 * another tab gave this phone another key. `said`: what was just done, `enrolled` or `renewed`.
 */
export function home(enrolled, whenScanned, changed, said = null) {
  phone = enrolled;
  onCode = whenScanned;
  onChange = changed;
  one("#greeting").textContent = say("greeting", { name: phone.account.name });
  one("#greeting-at").textContent = say("at", { provider });
  one("#enrolled-now").hidden = said !== "enrolled";
  one("#renewed-now").hidden = said !== "renewed";
  // Only where an app on the home screen shares its storage with the browser that the camera opens: on iOS it
  // does not, and the phone would seem not to be set up.
  const isInstalled = matchMedia("(display-mode: standalone)").matches;
  one("#install-hint").hidden = isInstalled || !/Android/.test(navigator.userAgent);
  alertIn("#home-problem", null);
  alertIn("#paste-problem", null);
  one("#paste").open = false;
  show("home");
  refresh();
}

async function refresh() {
  const mine = phone;
  const able = await canScan();
  one("#scan").hidden = !able;
  one("#scan-hint").hidden = !able;
  one("#use-camera").hidden = able;
  try {
    const { state, reverify } = await standing(mine);
    if (phone !== mine) return;
    stand(state);
    upkeep(mine, reverify === true, refresh);
    one("#home-scan").hidden = one("#renew-go").hidden = state !== "active" || reverify === true;
    if (state === "active") {
      list(await sessions(mine));
      await listOthers(mine);
    }
  } catch (error) {
    if (phone !== mine) return;
    // A phone that the service does not know (any more) is one that was removed.
    if (error instanceof Refused && error.code === "forbidden") await unknown(mine);
    else alertIn("#home-problem", problem(error));
  }
}

async function unknown(mine) {
  const kept = await settle(mine).catch(() => mine);
  if (phone !== mine) return;
  if (kept.device !== mine.device || kept.thumbprint !== mine.thumbprint) onChange();
  else stand("revoked");
}

function stand(state) {
  const isActive = state === "active";
  one("#not-active").hidden = isActive;
  one("#not-active-why").textContent = isActive ? "" : say(state);
  one("#home-scan").hidden = !isActive;
  one("#sessions").hidden = !isActive;
  one("#move-go").hidden = !isActive;
  if (!isActive) one("#renew-go").hidden = one("#enrolled-now").hidden = true;
  if (!isActive) one("#others").hidden = one("#reverify").hidden = true;
  one("#again").hidden = state !== "revoked";
}

function list(all) {
  one("#sessions-none").hidden = all.length > 0;
  one("#session-list").replaceChildren(...all.map(row));
}

function row(session) {
  const item = one("#session-row").content.firstElementChild.cloneNode(true);
  item.dataset.session = session.id;
  item.querySelector("strong").textContent = session.browser;
  const about = [say("session_since", { time: when(session.started_at) }), session.address];
  item.querySelector(".quiet").textContent = about.filter(Boolean).join(" · ");
  const button = item.querySelector("button");
  button.addEventListener("click", () => busy([button], () => end(session, item)));
  return item;
}

async function end(session, item) {
  alertIn("#home-problem", null);
  try {
    await endSession(phone, session.id);
  } catch (error) {
    if (error?.code !== "not_found") return alertIn("#home-problem", problem(error));
  }
  item.querySelector("button").remove();
  item.querySelector(".quiet").textContent = say("session_ended");
}

/** Opens what a code or link says; what is none of ours is named in `where`. */
export function take(text, where) {
  const found = readCode(text, issuer);
  if (found && !found.foreign) {
    onCode(found);
    return true;
  }
  alertIn(where, found?.foreign ? say("foreign", { host: found.foreign }) : say("not_ours"));
  return false;
}

/** Opens the scanner. */
export async function startScan() {
  alertIn("#scan-problem", null);
  show("scanning");
  scanning = new AbortController();
  const { signal } = scanning;
  // A code of ours ends the scan; anything else is named and the camera goes on.
  const accept = (text) => {
    const found = readCode(text, issuer);
    const isOurs = Boolean(found && !found.foreign);
    if (!isOurs) alertIn("#scan-problem", found?.foreign ? say("foreign", { host: found.foreign }) : say("not_ours"));
    return isOurs;
  };
  try {
    const text = await scan(one("#camera"), accept, signal);
    if (text !== null) take(text, "#scan-problem");
  } catch {
    if (!signal.aborted) alertIn("#scan-problem", say("no_camera"));
  }
}

/** Ends a running scan. */
export function stopScan() {
  scanning?.abort();
  scanning = null;
}

one("#scan").addEventListener("click", startScan);
one("#scan-cancel").addEventListener("click", () => {
  stopScan();
  home(phone, onCode, onChange);
});
one("#paste-form").addEventListener("submit", (event) => {
  event.preventDefault();
  alertIn("#paste-problem", null);
  if (take(one("#paste-link").value, "#paste-problem")) one("#paste-link").value = "";
});
one("#remove").addEventListener("click", (event) =>
  busy([event.currentTarget], async () => {
    alertIn("#remove-problem", null);
    try {
      await revoke(phone, one("#remove-sessions").checked);
    } catch (error) {
      // Unknown to the service is as good as removed.
      if (error?.code !== "forbidden") return alertIn("#remove-problem", problem(error));
    }
    await forgetPhone();
    phone = null;
    show("removed");
  }),
);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") stopScan();
  else if (phone && shown() === "home") refresh();
  else if (phone && shown() === "scanning") home(phone, onCode, onChange);
});
