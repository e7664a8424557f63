// The panel for phone apps made for CAS: shows a channel, listens for what becomes of it, and goes on.
//
// STOMP 1.2 over a WebSocket of our own (docs/cas.md): one subscription, to the channel of this page. What comes is a
// handle that works once, here, and never the app's token.

import { post } from "./http.js";
import { symbol } from "./symbol.js";

/** A shown code is replaced this many seconds before it ends. */
const EARLY = 3;
/** Codes replace one another by themselves for so long; then the person is asked. */
const PATIENCE = 290_000;
/** A cut connection is shown after so long: one that comes back at once disturbs nobody. */
const GRACE = 4_000;
/** It is made anew after so long. */
const SOON = 1_500;
/** Without an answer a new code is asked for this often. */
const AGAIN = 5_000;
/** After so many failed approvals a channel is over. */
const MOST_FAILURES = 5;

const panel = document.getElementById("qrlogin");
const box = document.getElementById("qrbox");
const card = document.getElementById("qrcard");
const channelField = document.getElementById("qrchannel");
const seconds = document.getElementById("qrseconds");
const failed = document.getElementById("qrerror");
const form = document.getElementById("qrform");
const nameForm = document.getElementById("qrname");
const { journey } = panel.dataset;

let socket = null;
let againTimer = 0;
let lostTimer = 0;
let since = 0;
let endsAt = 0;
let failures = 0;
let version = 0;
let isAsked = false;
let isLeaving = false;

const now = () => performance.now();
const left = () => Math.max(0, Math.ceil((endsAt - now()) / 1000));
const isPatient = () => now() - since < PATIENCE;
const isSeen = () => document.visibilityState === "visible";
const is = (...states) => states.includes(panel.dataset.state);
/** Many pages that lost the same server do not all come back in the same moment. */
const spread = (wait) => wait * (0.8 + 0.4 * Math.random());

const frame = (command, headers) =>
  `${command}\n${Object.entries(headers).map(([name, value]) => `${name}:${value}\n`).join("")}\n\0`;

function show(state) {
  panel.dataset.state = state;
  // Signs are SVG, which knows no property for this.
  for (const part of panel.querySelectorAll("[data-on]")) {
    part.toggleAttribute("hidden", !part.dataset.on.split(" ").includes(state));
  }
  if (!is("shown", "offline")) {
    card.replaceChildren(...(state === "preparing" ? [spinner()] : []));
    channelField.value = "";
  }
  tick();
}

function spinner() {
  const spin = document.createElement("span");
  spin.className = "spin";
  spin.setAttribute("aria-hidden", "true");
  return spin;
}

function tick() {
  seconds.textContent = String(left());
}

function hush() {
  clearTimeout(againTimer);
  clearTimeout(lostTimer);
  lostTimer = 0;
  const old = socket;
  socket = null;
  old?.close();
}

/** Takes a new channel and listens to it; the one before ends. */
async function open() {
  if (isLeaving || !panel.open) return;
  clearTimeout(againTimer);
  version += 1;
  const mine = version;
  try {
    const name = nameForm ? { username: nameForm.elements.username.value } : {};
    const { channel, svg, expires_in: life } = await post("/cas/login/code", { journey, ...name });
    if (mine !== version || isLeaving) return;
    hush();
    const picture = symbol(svg, "qrcode", card.dataset.label);
    card.replaceChildren(...(picture ? [picture] : []));
    channelField.value = channel;
    endsAt = now() + life * 1000;
    failures = 0;
    show("shown");
    if (isAsked) box.scrollIntoView({ block: "nearest" });
    isAsked = false;
    listen(channel);
  } catch (refused) {
    if (mine !== version || isLeaving) return;
    hush();
    none(refused);
  }
}

/** There is no code to show. */
function none(refused) {
  if (refused.status === 0 || refused.status >= 500) {
    endsAt = 0;
    show("offline");
    againTimer = setTimeout(open, spread(Math.max(AGAIN, refused.retryAfter * 1000)));
  } else if (refused.status === 429) {
    show("slow");
  } else if (refused.body?.field === "username") {
    ask();
  } else {
    // The journey is over, or the page is: the server says what to do.
    panel.dataset.over = "yes";
    show("over");
  }
}

function ask() {
  show("asking");
  const field = nameForm.elements.username;
  field.value ||= document.getElementById("username")?.value ?? "";
  field.focus();
}

function listen(channel) {
  const address = new URL("/cas/qr-websocket/websocket", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  const mine = new WebSocket(address, ["v12.stomp"]);
  let isRefused = false;
  socket = mine;
  mine.addEventListener("open", () => mine.send(frame("CONNECT", { "accept-version": "1.2", "heart-beat": "0,0" })));
  mine.addEventListener("message", ({ data }) => {
    if (mine !== socket || typeof data !== "string") return;
    for (const text of data.split("\0")) {
      const [head, body = ""] = text.replace(/^\n+/, "").split(/\n\n([\s\S]*)/);
      const command = head.split("\n", 1)[0];
      if (command === "CONNECTED") {
        mine.send(frame("SUBSCRIBE", { id: "sub-0", destination: `/qrtopic/${channel}/verify`, receipt: "heard" }));
      } else if (command === "RECEIPT") {
        found();
      } else if (command === "MESSAGE") {
        told(JSON.parse(body));
      } else if (command === "ERROR") {
        isRefused = true;
      }
    }
  });
  mine.addEventListener("close", () => {
    if (mine === socket) lost(channel, isRefused);
  });
}

/** The connection is gone: because the channel is over, or something between us and the server is. */
function lost(channel, isRefused) {
  socket = null;
  if (failures >= MOST_FAILURES) return show("over");
  lostTimer ||= setTimeout(() => show("offline"), GRACE);
  againTimer = setTimeout(() => (isRefused || left() <= EARLY ? open() : listen(channel)), spread(SOON));
}

function found() {
  clearTimeout(lostTimer);
  lostTimer = 0;
  if (is("offline")) show("shown");
}

function told(result) {
  if (!result.success) {
    failures += 1;
    failed.hidden = false;
    return;
  }
  isLeaving = true;
  failed.hidden = true;
  hush();
  show("approved");
  const { token, deviceId, execution, csrf } = form.elements;
  token.value = result.token;
  deviceId.value = result.deviceId;
  // Somebody may have signed in in another tab since this page was made.
  execution.value = `${journey}.${csrf.value}`;
  form.submit();
}

function begin() {
  if (panel.dataset.over === "yes") return location.reload();
  since = now();
  endsAt = 0;
  isAsked = true;
  failed.hidden = true;
  hush();
  show("preparing");
  open();
}

function turn() {
  if (!panel.open) {
    version += 1;
    hush();
    show("closed");
  } else if (nameForm) {
    ask();
  } else {
    begin();
  }
}

// One heart beat a second, and only while there is something to count.
setInterval(() => {
  if (!is("shown") || isLeaving || !isSeen()) return;
  tick();
  if (left() > EARLY) return;
  if (isPatient()) open();
  else if (left() === 0) {
    hush();
    show("over");
  }
}, 1_000);

nameForm?.addEventListener("submit", (event) => {
  event.preventDefault();
  begin();
});
document.getElementById("qrrefresh").addEventListener("click", begin);
document.addEventListener("visibilitychange", () => {
  if (isSeen() && is("shown") && left() <= EARLY && isPatient()) open();
});
addEventListener("online", () => is("offline") && begin());
addEventListener("pagehide", hush);
// Back from another page: what is shown is old.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

document.getElementById("qrlive").hidden = false;
show("closed");
panel.addEventListener("toggle", turn);
if (panel.open) turn();
