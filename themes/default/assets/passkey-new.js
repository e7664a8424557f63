// Adding a passkey in this browser.

import { postJson } from "./http.js";
import { isSupported, make } from "./passkeys.js";

const slot = document.getElementById("alert");
const form = document.getElementById("passkey-new");
const done = document.getElementById("passkey-added");

function say(name) {
  for (const sentence of slot.querySelectorAll("[data-say]")) sentence.hidden = sentence.dataset.say !== name;
  slot.hidden = !name;
  if (name) slot.setAttribute("role", "alert");
  else slot.removeAttribute("role");
}

if (!isSupported) say("unsupported");
else {
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    say("");
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const options = await postJson("/login/passkey/new/options", {});
      const credential = await make(options);
      if (!credential) return say("failed");
      await postJson("/login/passkey/new", { credential, name: form.elements.name.value });
      form.hidden = true;
      document.getElementById("passkey-lead").hidden = true;
      done.hidden = false;
      done.focus();
    } catch (error) {
      if (error.name === "InvalidStateError") say("exists");
      else if (error.status === 401 || error.status === 403) location.reload();
      else say("failed");
    } finally {
      button.disabled = false;
    }
  });
}
