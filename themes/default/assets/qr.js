// The QR panel of the sign-in page: draws the code, shows where it stands, and goes on when a phone approved.
//
// The server's word is the truth: every state can be entered from every other, so a reload, a second tab or a
// cut connection end in what the server says. Nothing is drawn while nobody looks.

import { get, post } from "./http.js";
import { symbol } from "./symbol.js";

/** A shown code is replaced this many seconds before it ends. */
const EARLY = 3;
/** A word may be read so much later than it was said, in seconds. */
const LATE = 10;
/** Codes replace one another by themselves for so long; then the person is asked. */
const PATIENCE = 290_000;
/** A cut connection is shown after so long: a stream that comes back at once disturbs nobody. */
const GRACE = 4_000;
const POLL_EVERY = 3_000;
/** Without an answer a new code is asked for this often. */
const AGAIN = 5_000;

const panel = document.getElementById("qr");
const card = document.getElementById("qr-card");
const journey = panel.dataset.journey;
const form = document.getElementById("phone-form");
const address = (path) => `${path}?journey=${encodeURIComponent(journey)}`;

let patientSince = performance.now();
let endsAt = 0;
let isDrawn = false;
let isOpening = false;
let isLeaving = false;
let isInView = true;
let version = 0;
let source = null;
let pollTimer = 0;
let lostTimer = 0;
let againTimer = 0;

const now = () => performance.now();
const isSeen = () => isInView && document.visibilityState === "visible";
const isPatient = () => now() - patientSince < PATIENCE;
/** The server cannot be reached, or something that it needs does not answer: it comes back. */
const isOutage = (refused) => refused.status === 0 || refused.status >= 500;
const left = () => Math.max(0, Math.ceil((endsAt - now()) / 1000));

function show(state, seconds) {
  if (seconds !== undefined) endsAt = now() + seconds * 1000;
  if (state !== "offline") clearTimeout(lostTimer);
  if (state !== "claimed") card.ownerDocument.getElementById("check-code")?.remove();
  panel.dataset.state = state;
  tick();
}

function tick() {
  for (const place of panel.querySelectorAll("[data-seconds]")) place.textContent = String(left());
}

function draw(svg) {
  const picture = symbol(svg, "qr-image", card.dataset.label);
  isDrawn = picture !== null;
  card.replaceChildren(...(picture ? [picture] : []));
}

/** Opens a channel or shows its next code; where a phone is already, its state is shown instead. */
async function open() {
  if (isOpening || isLeaving) return;
  isOpening = true;
  clearTimeout(againTimer);
  try {
    const opened = await post("/login/qr", { journey });
    version += 1;
    if (opened.svg) draw(opened.svg);
    // In the demo only: the link hands the code to the virtual phone as a camera would.
    const virtual = document.getElementById("virtual-phone");
    if (virtual && opened.url) virtual.href = virtual.dataset.address + new URL(opened.url).hash;
    endsAt = now() + opened.expires_in * 1000;
    found();
    told(opened);
    listen();
  } catch (refused) {
    if (isOutage(refused)) {
      lost();
      const wait = Math.max(AGAIN, refused.retryAfter * 1000);
      againTimer = setTimeout(() => panel.dataset.state === "offline" && open(), spread(wait));
    } else {
      panel.dataset.over = refused.status === 410 || refused.status === 403 ? "yes" : "";
      draw("");
      show("expired", 0);
    }
  } finally {
    isOpening = false;
  }
}

function told({ state, expires_in: seconds }) {
  if (isLeaving) return;
  switch (state) {
    case "waiting":
      // Another tab of this page shows a newer code: one code at a time (SEC-016).
      if (isDrawn && panel.dataset.state === "waiting" && seconds > left() + LATE) isDrawn = false;
      if (isDrawn || isOpening) show("waiting", seconds);
      // A stream that begins late says "waiting" of a code that the page has put away: patience does not begin anew.
      else if (isSeen() && document.hasFocus() && isPatient()) open();
      else show("expired", 0);
      break;
    case "claimed":
      draw("");
      show("claimed", seconds);
      showCode();
      break;
    case "approved":
      show("approved", seconds);
      goOn();
      break;
    case "denied":
      draw("");
      show("denied", 0);
      break;
    case "offline":
      // Said by the server, of something that it needs; the stream ends with it.
      if (!["denied", "expired"].includes(panel.dataset.state)) show("offline");
      break;
    default:
      draw("");
      if (isSeen() && isPatient() && ["waiting", "offline"].includes(panel.dataset.state)) open();
      else show("expired", 0);
  }
}

async function showCode() {
  const asked = version;
  const box = document.getElementById("code-box");
  try {
    const { check_code: code } = await get(address("/login/code"));
    if (panel.dataset.state !== "claimed" || asked !== version) return;
    document.getElementById("check-code")?.remove();
    const digits = document.createElement("output");
    digits.id = "check-code";
    digits.className = "code";
    digits.textContent = code;
    box.hidden = false;
    box.append(digits);
  } catch (refused) {
    // 404: this relying party needs no check code.
    if (refused.status === 404) box.hidden = true;
    else if (isOutage(refused)) setTimeout(() => panel.dataset.state === "claimed" && showCode(), 2_000);
  }
}

async function goOn() {
  if (isLeaving) return;
  isLeaving = true;
  hush();
  try {
    // Somebody may have signed in in another tab meanwhile: the answer brings the token that counts now.
    await get(address("/login/state"));
  } catch {
    // The form's own answer says what is wrong.
  }
  form.submit();
}

function listen() {
  if (source || pollTimer || isLeaving) return;
  if (typeof EventSource !== "function") return poll();
  source = new EventSource(address("/login/wait"));
  source.addEventListener("state", (event) => {
    found();
    told(JSON.parse(event.data));
  });
  source.addEventListener("open", found);
  source.addEventListener("error", () => {
    lost();
    // Closed for good (refused, or something between us cuts streams): ask from time to time instead.
    if (source?.readyState === EventSource.CLOSED) {
      source = null;
      poll();
    }
  });
}

function hush() {
  source?.close();
  source = null;
  clearTimeout(pollTimer);
  pollTimer = 0;
}

function listenAnew() {
  if (source) listenAfter();
}

function poll(wait = POLL_EVERY) {
  clearTimeout(pollTimer);
  pollTimer = setTimeout(async () => {
    let next = POLL_EVERY;
    if (document.visibilityState === "visible") {
      try {
        const word = await get(address("/login/state"));
        const wasOffline = panel.dataset.state === "offline";
        found();
        if (word.state !== panel.dataset.state || word.state === "waiting") told(word);
        else show(word.state, word.expires_in);
        // The server is back: hear from it again instead of asking.
        if (wasOffline && !isLeaving) return listenAfter();
      } catch (refused) {
        if (refused.status === 410) {
          pollTimer = 0;
          panel.dataset.over = "yes";
          return show("expired", 0);
        }
        if (isOutage(refused)) lost();
        next = Math.max(refused.retryAfter * 1000, Math.min(wait * 2, 15_000));
      }
    }
    if (!isLeaving) poll(next);
  }, spread(wait));
}

function listenAfter() {
  hush();
  listen();
}

/** Many pages that lost the same server do not all come back in the same moment. */
function spread(wait) {
  return wait * (0.8 + 0.4 * Math.random());
}

function lost() {
  if (lostTimer || isLeaving || ["denied", "expired"].includes(panel.dataset.state)) return;
  lostTimer = setTimeout(() => {
    lostTimer = 0;
    show("offline");
  }, isDrawn || panel.dataset.state === "claimed" ? GRACE : 0);
}

function found() {
  clearTimeout(lostTimer);
  lostTimer = 0;
}

function refresh() {
  // The journey itself is over, or the page is: the server says what to do.
  if (panel.dataset.over === "yes") return location.reload();
  patientSince = now();
  show("waiting", 0);
  hush();
  open();
}

for (const button of panel.querySelectorAll("button[data-refresh]")) button.addEventListener("click", refresh);
document.getElementById("qr-not-mine").addEventListener("click", async () => {
  try {
    await post("/login/qr/cancel", { journey });
  } catch {
    // It ends by itself.
  }
  refresh();
});

// One heart beat a second, and only while there is something to count.
setInterval(() => {
  if (isLeaving || document.visibilityState !== "visible") return;
  tick();
  // Its time is over and nobody said so: the stream is dead.
  if (panel.dataset.state === "claimed" && left() === 0) listenAnew();
  if (panel.dataset.state !== "waiting" || isOpening || !isDrawn) return;
  if (left() > EARLY) return;
  if (isPatient() && isSeen()) open();
  else if (left() === 0) {
    draw("");
    show("expired", 0);
  }
}, 1_000);

function look() {
  if (!isSeen() || isLeaving) return;
  const state = panel.dataset.state;
  if ((state === "waiting" && (!isDrawn || left() <= EARLY)) || (state === "expired" && isPatient() && !panel.dataset.over)) open();
}

new IntersectionObserver((entries) => {
  isInView = entries.some((entry) => entry.isIntersecting);
  look();
}).observe(panel);
document.addEventListener("visibilitychange", look);
addEventListener("online", () => panel.dataset.state === "offline" && refresh());
// A stream does not notice by itself that its network is gone; beginning it anew does.
addEventListener("offline", listenAnew);
addEventListener("pagehide", hush);
// Back from another page: what is shown is old.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

panel.querySelector(".qr-live").hidden = false;
