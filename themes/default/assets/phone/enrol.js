// Enrolling this phone: who, agreement, passkey, device key.

import { beginEnrolment, completeEnrolment, Refused, revoke } from "./api.js";
import { loadPhone, makeKey, savePhone, signEnrolment } from "./keys.js";
import { createPasskey, verifyOwner } from "./passkey.js";
import { alertIn, busy, issuer, one, show } from "./screens.js";
import { problem, say } from "./words.js";

let token = null;
// What an old phone agreed to, in place of a password.
let moving = null;
// A code is typed in place of the password.
let byCode = false;
let done = null;
// Begun and waiting for the owner's face, finger or PIN.
let open = null;

/** What system this phone has. */
export function platform() {
  const agent = navigator.userAgent;
  if (/iPhone/.test(agent)) return "iPhone";
  if (/iPad/.test(agent) || (/Macintosh/.test(agent) && navigator.maxTouchPoints > 1)) return "iPad";
  if (/Android/.test(agent)) return "Android";
  if (/Windows/.test(agent)) return "Windows";
  if (/Macintosh/.test(agent)) return "Mac";
  return /Linux|X11|CrOS/.test(agent) ? "Linux" : "Web";
}

// The owner's password, or a code from a letter or an administrator: one field at a time.
function takeCode(isCode) {
  byCode = isCode;
  one("#code").closest(".field").hidden = !isCode;
  one("#password").closest(".field").hidden = isCode;
  one("#use-code").hidden = isCode;
  one("#use-password").hidden = !isCode;
  alertIn("#enrol-problem", null);
}

// What the form asks for, by why this phone may be enrolled.
function ask() {
  const why = token !== null ? "token" : moving !== null ? "moving" : "password";
  for (const word of ["token", "moving", "password"]) one(`#enrolling [data-when=${word}]`).hidden = word !== why;
  one("#enrol-password").hidden = why !== "password";
  one("#use-other").hidden = why !== "password";
  // It stays the same phone in the account, with the name it has there.
  one("#phone-name").closest(".field").hidden = why === "moving";
}

/**
 * Shows the form. `given` is {token} of a link, {moving} the secret of an offer that the old phone agreed to, {scanned} when a sign-in code was opened on a phone that is
 * not enrolled, {replaces} the name of the owner it is enrolled for already.
 */
export function enrol(given, whenDone) {
  token = given.token ?? null;
  moving = given.moving ?? null;
  done = whenDone;
  open = null;
  const name = one("#phone-name");
  if (!name.value) name.value = platform();
  ask();
  one("#enrolling [data-when=scanned]").hidden = !given.scanned;
  alertIn("#replaces", given.replaces ? say("replaces", { name: given.replaces }) : null);
  alertIn("#enrol-problem", null);
  show("enrolling");
}

function credentials(form) {
  if (token !== null) return { token };
  if (moving !== null) return { move: moving };
  const username = form.elements.username.value.trim();
  if (byCode) return { username, code: form.elements.code.value.trim() };
  return { username, password: form.elements.password.value };
}

function complaint(form) {
  const secret = byCode ? "code" : "password";
  const needed = token === null && moving === null ? ["username", secret, "name"] : ["name"];
  for (const name of needed) {
    const field = form.elements.namedItem(name);
    if (field.value.trim() === "") {
      field.focus();
      return say("fill_in");
    }
  }
  if (!form.elements.agree.checked) {
    form.elements.agree.focus();
    return say("agree_first");
  }
  return null;
}

async function submit(form) {
  alertIn("#enrol-problem", complaint(form));
  if (!one("#enrol-problem").hidden) return;
  try {
    const begun = await beginEnrolment(credentials(form));
    if (begun.issuer !== issuer || !begun.webauthn) throw new Refused(0, { code: "other" });
    // Whoever took the place of the form's token must not use it again: it is spent.
    token = moving = null;
    open = { begun, name: form.elements.name.value.trim(), platform: platform() };
  } catch (error) {
    alertIn("#enrol-problem", problem(error));
    return;
  }
  await verify(true);
}

// Some browsers let a page ask for the passkey only right after a tap; when the first try comes too late, a
// button asks for that tap.
async function verify(isFirst) {
  alertIn("#verify-problem", null);
  const { begun, name, platform: system } = open;
  try {
    const proof = await prove(begun);
    const key = await makeKey();
    const signature = await signEnrolment(key, {
      issuer,
      enrolment: begun.enrolment,
      nonce: begun.nonce,
      name,
      platform: system,
    });
    const enrolled = await completeEnrolment(begun.enrolment, {
      kind: "web",
      key: key.jwk,
      name,
      platform: system,
      agree: true,
      verifies_user: true,
      signature,
      ...proof,
    });
    if (enrolled.issuer !== issuer) throw new Refused(0, { code: "other" });
    const before = await loadPhone();
    await savePhone({
      device: enrolled.device,
      issuer,
      account: enrolled.account,
      name,
      privateKey: key.privateKey,
    });
    open = null;
    one("#enrol").reset();
    // Its key is gone from here; should this fail, the phone's owner finds it in the list of phones.
    if (before) revoke(before, false).catch(() => {});
    done();
  } catch (error) {
    if (error instanceof Refused && error.code === "gone") {
      open = null;
      ask();
      show("enrolling");
      alertIn("#enrol-problem", problem(error));
      return;
    }
    show("enrol-verify");
    // The button itself says what to do; a complaint would only confuse before the first tap.
    const isUnasked = isFirst && error?.name === "NotAllowedError";
    alertIn("#verify-problem", isUnasked ? null : problem(error));
  }
}

// A phone that holds a passkey of this account already cannot make a second one: it proves the first.
async function prove(begun) {
  try {
    return { credential: await createPasskey(begun.webauthn) };
  } catch (error) {
    if (error?.name !== "InvalidStateError" || !begun.existing) throw error;
    return { assertion: await verifyOwner(begun.existing) };
  }
}

for (const [button, isCode, field] of [["#use-code", true, "#code"], ["#use-password", false, "#password"]]) {
  one(button).addEventListener("click", () => {
    takeCode(isCode);
    one(field).focus();
  });
}
one("#enrol").addEventListener("submit", (event) => {
  event.preventDefault();
  busy([one("#enrol-submit")], () => submit(event.target));
});
one("#enrol-passkey").addEventListener("click", (event) => {
  if (open) busy([event.currentTarget], () => verify(false));
});
