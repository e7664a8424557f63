// Waking a phone that was not used for long, and looking after its owner's other phones.

import { beginVerification, found, lost, others, reverify } from "./api.js";
import { verifyOwner } from "./passkey.js";
import { alertIn, busy, one } from "./screens.js";
import { problem, say, when } from "./words.js";

let phone = null;
let whenAwake = null;

/** Proves that the owner is here, for one deed of this phone. */
export async function proof(phone, purpose, subject) {
  const asked = await beginVerification(phone, purpose, subject);
  const assertion = asked.webauthn ? await verifyOwner(asked.webauthn) : null;
  return { nonce: asked.nonce, uv: true, assertion };
}

/** Shows what there is to do for this phone. `awake()` is called when it was woken. */
export function upkeep(enrolled, isDue, awake) {
  phone = enrolled;
  whenAwake = awake;
  one("#reverify").hidden = !isDue;
}

/** Lists the owner's other phones. */
export async function listOthers(enrolled) {
  phone = enrolled;
  const all = await others(enrolled);
  if (phone !== enrolled) return;
  alertIn("#others-problem", null);
  one("#others").hidden = all.length === 0;
  one("#other-list").replaceChildren(...all.map(row));
}

function row(other) {
  const item = one("#other-row").content.firstElementChild.cloneNode(true);
  item.dataset.device = other.device;
  item.querySelector("strong").textContent = other.name;
  stand(item, other, other.state);
  for (const button of item.querySelectorAll("button")) {
    button.addEventListener("click", () => busy([...item.querySelectorAll("button")], () => act(item, other, button.dataset.do)));
  }
  return item;
}

function stand(item, other, state) {
  const used = other.last_used_at ? when(other.last_used_at) : null;
  item.querySelector(".quiet").textContent = [say("other_" + state), other.platform, used].filter(Boolean).join(" · ");
  const able = { active: ["lost", "stolen"], suspended: ["stolen", "found"] }[state] ?? [];
  for (const button of item.querySelectorAll("button")) button.hidden = !able.includes(button.dataset.do);
}

async function act(item, other, deed) {
  alertIn("#others-problem", null);
  try {
    if (deed === "found") await found(phone, other.device, await proof(phone, "found", other.device));
    else await lost(phone, other.device, deed);
    stand(item, other, { lost: "suspended", stolen: "revoked", found: "active" }[deed]);
  } catch (error) {
    alertIn("#others-problem", problem(error));
  }
}

one("#reverify-go").addEventListener("click", (event) =>
  busy([event.currentTarget], async () => {
    alertIn("#home-problem", null);
    try {
      await reverify(phone, await proof(phone, "reverify", "-"));
      one("#reverify").hidden = true;
      whenAwake?.();
    } catch (error) {
      alertIn("#home-problem", problem(error));
    }
  }),
);
