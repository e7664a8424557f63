// The virtual phone's page: hands links and decisions to the program it runs in. For the demo only.
"use strict";

const phone = document.getElementById("claim");
const parts = ["scanning", "asking", "over"].map((id) => document.getElementById(id));
const alertLine = document.getElementById("alert");
const codeInput = document.getElementById("check_code");
let claim = null;
let timer = 0;

function show(id, state) {
  for (const part of parts) part.hidden = part.id !== id;
  phone.dataset.state = state;
}

function complain(text) {
  alertLine.textContent = text || "";
  alertLine.hidden = !text;
}

function say(text) {
  document.getElementById("say").textContent = text || "";
}

async function ask(path, body, type = "application/json") {
  const answer = await fetch(path, { method: "POST", headers: { "content-type": type }, body });
  let json = {};
  try {
    json = await answer.json();
  } catch {
    json = { error: await Promise.resolve("The demo did not understand that.") };
  }
  return { ok: answer.ok, ...json };
}

function finish(state, title, text) {
  clearInterval(timer);
  claim = null;
  say("");
  document.getElementById("over-title").textContent = title;
  document.getElementById("over-text").textContent = text;
  show("over", state);
}

async function scan(link) {
  complain("");
  const answer = await ask("/virtual-phone/scan", JSON.stringify({ link }));
  if (!answer.ok) {
    complain(answer.error);
    show("scanning", "idle");
    return;
  }
  claim = answer;
  document.getElementById("site").textContent = answer.site || "the provider itself";
  const list = document.getElementById("facts");
  list.replaceChildren();
  for (const [label, value] of answer.facts) {
    const term = document.createElement("dt");
    const text = document.createElement("dd");
    term.textContent = label;
    text.textContent = value;
    list.append(term, text);
  }
  document.getElementById("code-part").hidden = !answer.code_needed;
  codeInput.value = "";
  show("asking", "claimed");
  codeInput.focus();
  clearInterval(timer);
  timer = setInterval(countDown, 1000);
  countDown();
}

function countDown() {
  if (!claim) return;
  const left = Math.max(0, Math.round(claim.expires_at - Date.now() / 1000));
  say(`${left} seconds left to decide`);
  if (left === 0) finish("expired", "Too late", "The time to decide is over. Let the browser show a new code.");
}

async function decide(decision) {
  complain("");
  if (!claim) return;
  const body = { claim: claim.claim, decision, check_code: decision === "approve" ? codeInput.value : "" };
  const answer = await ask("/virtual-phone/decide", JSON.stringify(body));
  if (answer.ok && answer.done === "approved") {
    finish("approved", "Approved", "Look at the browser: it goes on by itself.");
  } else if (answer.ok && answer.done === "denied") {
    finish("denied", "Denied", "The browser was told.");
  } else if (answer.ok) {
    finish("denied", "Reported", "The sign-in was refused and noted as not yours.");
  } else if (answer.over || answer.left === 0) {
    finish("denied", "Over", answer.error);
  } else {
    complain(answer.error);
    codeInput.value = "";
    codeInput.focus();
  }
}

async function readPicture(blob) {
  complain("");
  const answer = await ask("/virtual-phone/picture", blob, "image/png");
  if (answer.ok) await scan(answer.link);
  else complain(answer.error);
}

async function scanScreen() {
  complain("");
  let stream;
  try {
    stream = await navigator.mediaDevices.getDisplayMedia({ video: true });
    const video = document.createElement("video");
    video.muted = true;
    video.srcObject = stream;
    await video.play();
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    await readPicture(await new Promise((done) => canvas.toBlob(done, "image/png")));
  } catch (why) {
    complain(`The screen could not be read: ${why.message}`);
  } finally {
    for (const track of stream ? stream.getTracks() : []) track.stop();
  }
}

function scanFragment() {
  const found = /^#(1[A-Za-z0-9_-]{22,})$/.exec(location.hash);
  if (!found) return;
  // The id leaves the address bar and the history at once.
  history.replaceState(null, "", location.pathname);
  scan(`${phone.dataset.issuer}/s#${found[1]}`);
}

document.getElementById("scan").addEventListener("submit", (event) => {
  event.preventDefault();
  scan(event.target.elements.link.value);
});
document.getElementById("decision").addEventListener("submit", (event) => {
  event.preventDefault();
  decide("approve");
});
document.getElementById("deny").addEventListener("click", () => decide("deny"));
document.getElementById("report").addEventListener("click", () => decide("report"));
document.getElementById("again").addEventListener("click", () => {
  document.getElementById("link").value = "";
  show("scanning", "idle");
});
document.querySelector(".pad").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.back) codeInput.value = codeInput.value.slice(0, -1);
  else if (codeInput.value.length < 3) codeInput.value += button.dataset.digit;
});
document.getElementById("file").addEventListener("change", (event) => {
  if (event.target.files.length) readPicture(event.target.files[0]);
  event.target.value = "";
});
document.addEventListener("paste", (event) => {
  const item = [...event.clipboardData.items].find((one) => one.type === "image/png");
  if (item) readPicture(item.getAsFile());
});
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const file = [...event.dataTransfer.files].find((one) => one.type === "image/png");
  const text = event.dataTransfer.getData("text/plain");
  if (file) readPicture(file);
  else if (text) scan(text);
});
if (navigator.mediaDevices && navigator.mediaDevices.getDisplayMedia) {
  const button = document.getElementById("screen");
  button.hidden = false;
  button.addEventListener("click", scanScreen);
}
window.addEventListener("hashchange", scanFragment);
scanFragment();
