// A new key in the place of this phone's present one: made here, and taken by the service in one step.
//
// The new key is kept before it is sent. Whichever of the two the service knows afterwards, this phone holds it, even
// when the answer was lost or the page was closed (`settle`).

import { Refused, rotateKey, standing } from "./api.js";
import { loadPhone, makeKey, savePhone, signRotation } from "./keys.js";
import { alertIn, busy, one, show } from "./screens.js";
import { proof } from "./upkeep.js";
import { problem, say } from "./words.js";

let phone = null;
let whenDone = null;
// The new key is on its way, or was.
let isSent = false;

/** Shows what renewing means. `renewed()` is called when the phone has another key. */
export function explainRenewal(enrolled, renewed) {
  phone = enrolled;
  whenDone = renewed;
  alertIn("#renew-problem", null);
  show("renewing");
}

const withNext = ({ next, ...rest }) => ({ ...rest, ...next });

async function isKnown(it) {
  try {
    await standing(it);
    return true;
  } catch (error) {
    if (error instanceof Refused && error.code === "forbidden") return false;
    throw error;
  }
}

/** The phone with the key that the service knows, after a renewal that was cut off or happened in another tab. */
export async function settle(given) {
  const kept = (await loadPhone()) ?? given;
  if (!kept.next || (await isKnown(kept))) return kept;
  const renewed = withNext(kept);
  if (!(await isKnown(renewed))) return kept;
  await savePhone(renewed);
  return renewed;
}

async function renew() {
  const key = await makeKey();
  const proven = await proof(phone, "rotate", key.thumbprint);
  const signature = await signRotation(key, { issuer: phone.issuer, device: phone.device, nonce: proven.nonce });
  const under = { ...phone, next: { privateKey: key.privateKey, thumbprint: key.thumbprint } };
  await savePhone(under);
  isSent = true;
  try {
    await rotateKey(phone, { key: key.jwk, signature, proof: proven });
    await savePhone(withNext(under));
  } catch (error) {
    // The answer may be what was lost, not the request.
    const now = await settle(under).catch(() => under);
    if (now.thumbprint !== key.thumbprint) throw error;
  }
}

one("#renew").addEventListener("click", (event) =>
  busy([event.currentTarget, one("#renew-cancel")], async () => {
    alertIn("#renew-problem", null);
    isSent = false;
    try {
      await renew();
      await whenDone();
    } catch (error) {
      alertIn("#renew-problem", error?.code === "offline" && isSent ? say("cut") : problem(error));
    }
  }),
);
