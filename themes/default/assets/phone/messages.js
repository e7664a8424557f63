// The texts a phone signs, byte for byte as the server builds them
// (crates/qr; vectors in crates/phone-client/testdata/messages.json).
// Not here: keys and signing (keys.js).

const encoder = new TextEncoder();

/** Base64url without padding (RFC 4648 §5). */
export function toBase64Url(bytes) {
  let binary = "";
  for (const byte of new Uint8Array(bytes)) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export function fromBase64Url(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}

/** Base64url of the SHA-256 of a text. */
export async function hashOf(text) {
  return toBase64Url(await crypto.subtle.digest("SHA-256", encoder.encode(text)));
}

function build(label, lines) {
  let text = label + "\n";
  for (const [name, value] of lines) {
    const word = String(value);
    // A value with a line break could add a line of its own.
    if (/[\n\r]/.test(word)) throw new Error("a line break in " + name);
    text += name + "=" + word + "\n";
  }
  return text;
}

export function claimMessage(it) {
  return build("latchbolt-claim-v1", [
    ["issuer", it.issuer],
    ["channel", it.channel],
    ["device", it.device],
    ["challenge", it.challenge],
  ]);
}

export async function approvalMessage(it) {
  return build("latchbolt-approval-v1", [
    ["issuer", it.issuer],
    ["channel", it.channel],
    ["nonce", it.nonce],
    ["facts", await hashOf(it.facts)],
    ["client", it.client ?? "-"],
    ["account", it.account],
    ["device", it.device],
    ["decision", it.decision],
    ["uv", it.uv ? "true" : "false"],
    ["code", it.code ?? "-"],
    ["time", it.time],
  ]);
}

export function enrolmentMessage(it) {
  return build("latchbolt-enrolment-v1", [
    ["issuer", it.issuer],
    ["enrolment", it.enrolment],
    ["nonce", it.nonce],
    ["key", it.key],
    ["name", it.name],
    ["platform", it.platform],
    ["agree", "true"],
  ]);
}

export function rotationMessage(it) {
  return build("latchbolt-rotation-v1", [
    ["issuer", it.issuer],
    ["device", it.device],
    ["nonce", it.nonce],
    ["key", it.key],
  ]);
}

export async function deviceMessage(it) {
  return build("latchbolt-device-v1", [
    ["issuer", it.issuer],
    ["device", it.device],
    ["challenge", it.challenge],
    ["method", it.method],
    ["path", it.path],
    ["body", it.body === "" ? "-" : await hashOf(it.body)],
  ]);
}

/** What the passkey must sign so that its answer proves the facts that were shown. */
export async function passkeyChallenge(facts, nonce) {
  return hashOf("latchbolt-facts-v1\n" + (await hashOf(facts)) + "\n" + nonce);
}
