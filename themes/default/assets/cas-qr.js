// The panel for phone apps made for CAS: shows a channel, listens for what becomes of it, and goes on.
//
// STOMP 1.2 over a WebSocket of our own (docs/cas.md): one subscription, to the channel of this page. What comes is a
// handle that works once, here, and never the app's token.

import { post } from "./http.js";
import { symbol } from "./symbol.js";

/** A shown code is replaced this many seconds before it ends. */
const EARLY = 3;
/** Without a connection one is tried again after so long. */
const AGAIN = 5_000;
/** Codes replace one another for so long; then the person is asked. */
const PATIENCE = 290_000;

const panel = document.getElementById("qrlogin");
const card = document.getElementById("cas-card");
const channelField = document.getElementById("qrchannel");
const failed = document.getElementById("qrerror");
const offline = document.getElementById("qroffline");
const form = document.getElementById("qrform");
const { journey } = panel.dataset;

let socket = null;
let timer = 0;
let since = 0;
let isLeaving = false;

const frame = (command, headers, body = "") =>
  `${command}\n${Object.entries(headers).map(([name, value]) => `${name}:${value}\n`).join("")}\n${body}\0`;

function close() {
  clearTimeout(timer);
  const old = socket;
  socket = null;
  old?.close();
}

/** Takes a new channel and listens to it; the one before ends. */
async function open() {
  if (isLeaving) return;
  close();
  try {
    const { channel, svg, expires_in: seconds } = await post("/cas/login/code", { journey });
    const picture = symbol(svg, "qrcode", card.dataset.label);
    card.replaceChildren(...(picture ? [picture] : []));
    channelField.value = channel;
    offline.hidden = true;
    listen(channel);
    timer = setTimeout(next, Math.max(1, seconds - EARLY) * 1000);
  } catch (refused) {
    card.replaceChildren();
    channelField.value = "";
    offline.hidden = false;
    if (refused.status === 0 || refused.status >= 429) timer = setTimeout(open, AGAIN);
  }
}

function next() {
  if (performance.now() - since < PATIENCE && document.visibilityState === "visible") open();
  else {
    close();
    card.replaceChildren();
    channelField.value = "";
  }
}

function listen(channel) {
  const address = new URL("/cas/qr-websocket/websocket", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  const mine = new WebSocket(address, ["v12.stomp"]);
  socket = mine;
  mine.addEventListener("open", () => mine.send(frame("CONNECT", { "accept-version": "1.2", "heart-beat": "0,0" })));
  mine.addEventListener("message", ({ data }) => {
    if (mine !== socket || typeof data !== "string") return;
    for (const text of data.split("\0")) heard(mine, channel, text.replace(/^\n+/, ""));
  });
  mine.addEventListener("close", () => {
    if (mine !== socket || isLeaving) return;
    socket = null;
    clearTimeout(timer);
    timer = setTimeout(next, AGAIN);
  });
}

function heard(mine, channel, text) {
  const [head, body = ""] = text.split(/\n\n([\s\S]*)/);
  const command = head.split("\n", 1)[0];
  if (command === "CONNECTED") {
    mine.send(frame("SUBSCRIBE", { id: "sub-0", destination: `/qrtopic/${channel}/verify` }));
  } else if (command === "MESSAGE") {
    told(JSON.parse(body));
  }
}

function told(result) {
  if (!result.success) {
    failed.hidden = false;
    return;
  }
  failed.hidden = true;
  isLeaving = true;
  close();
  form.elements.token.value = result.token;
  form.elements.deviceId.value = result.deviceId;
  form.submit();
}

function begin() {
  since = performance.now();
  failed.hidden = true;
  open();
}

document.getElementById("qrlive").hidden = false;
document.getElementById("cas-refresh").addEventListener("click", begin);
panel.addEventListener("toggle", () => {
  if (panel.open) begin();
  else close();
});
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  isLeaving = false;
  if (panel.open) begin();
});
if (panel.open) begin();
