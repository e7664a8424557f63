// The sign-in page: passkeys, the password's eye, and the QR panel where there is one.

import { postJson } from "./http.js";
import { ask, isConditional, isSupported } from "./passkeys.js";

const page = document.getElementById("ways");
const journey = page.dataset.journey;
const slot = document.getElementById("alert");
const button = document.getElementById("passkey");

function say(name) {
  for (const sentence of slot.querySelectorAll("[data-say]")) sentence.hidden = sentence.dataset.say !== name;
  slot.hidden = !name;
  if (name) slot.setAttribute("role", "alert");
  else slot.removeAttribute("role");
}

let waiting = null;

async function signIn(conditional) {
  waiting?.abort();
  const ceremony = new AbortController();
  waiting = ceremony;
  try {
    const options = await postJson("/login/passkey/options", { journey });
    if (ceremony.signal.aborted) return;
    const credential = await ask(options, { conditional, signal: ceremony.signal });
    if (!credential) return say(conditional ? "" : "passkey_none");
    const { location: to, form } = await postJson("/login/passkey", { journey, credential });
    if (form) sendOn(form);
    else location.assign(to);
  } catch (error) {
    if (ceremony.signal.aborted || error.name === "AbortError") return;
    if (error.status === 410) return location.reload();
    if (error.status === 429 || error.status === 503) say(error.status === 429 ? "too_many" : "busy");
    else if (error.status) say("passkey_failed");
    else if (!conditional) say("passkey_none");
  }
}

// The answer that goes to the one who asked with POST.
function sendOn({ action, fields }) {
  const form = document.createElement("form");
  form.method = "post";
  form.action = action;
  for (const [name, value] of fields) {
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = name;
    field.value = value;
    form.append(field);
  }
  document.body.append(form);
  form.submit();
}

if (button && isSupported) {
  const block = document.getElementById("passkey-way");
  block.hidden = false;
  button.addEventListener("click", async () => {
    say("");
    button.setAttribute("aria-busy", "true");
    await signIn(false);
    button.removeAttribute("aria-busy");
    if (!document.hidden) conditional();
  });
  conditional();
} else if (button) {
  document.getElementById("passkey-none")?.removeAttribute("hidden");
}

// Passkeys inside the user name field, where the browser can. A challenge lives five minutes.
async function conditional() {
  if (!document.querySelector("input[autocomplete~=webauthn]") || !(await isConditional())) return;
  signIn(true);
  const ceremony = waiting;
  setTimeout(() => waiting === ceremony && !ceremony.signal.aborted && conditional(), 270_000);
}

const eye = document.getElementById("password-eye");
const password = document.querySelector("input[name=password]");
if (eye && password) {
  eye.hidden = false;
  eye.addEventListener("click", () => {
    const isShown = password.type === "text";
    password.type = isShown ? "password" : "text";
    eye.setAttribute("aria-pressed", String(!isShown));
    eye.textContent = isShown ? eye.dataset.show : eye.dataset.hide;
  });
  password.form.addEventListener("submit", () => {
    password.type = "password";
    waiting?.abort();
  });
}
