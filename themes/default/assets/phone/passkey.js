// The passkey that verifies the phone's owner: WebAuthn with its JSON forms (Level 3 §5.1.8-5.1.10), by hand
// because not every phone browser has the built-in conversion.

import { fromBase64Url, toBase64Url } from "./messages.js";

export function isSupported() {
  return typeof PublicKeyCredential === "function" && typeof navigator.credentials?.create === "function";
}

const withIds = (list) => (list ?? []).map((entry) => ({ ...entry, id: fromBase64Url(entry.id) }));

/** Registers a passkey; answers the credential as JSON. */
export async function createPasskey(options) {
  const given = options.publicKey;
  const credential = await navigator.credentials.create({
    publicKey: {
      ...given,
      challenge: fromBase64Url(given.challenge),
      user: { ...given.user, id: fromBase64Url(given.user.id) },
      excludeCredentials: withIds(given.excludeCredentials),
    },
  });
  const response = credential.response;
  return {
    id: credential.id,
    rawId: toBase64Url(credential.rawId),
    type: credential.type,
    response: {
      attestationObject: toBase64Url(response.attestationObject),
      clientDataJSON: toBase64Url(response.clientDataJSON),
      transports: response.getTransports?.() ?? [],
    },
    extensions: credential.getClientExtensionResults(),
  };
}

/** Verifies the owner; answers the assertion as JSON. */
export async function verifyOwner(options) {
  const given = options.publicKey;
  const credential = await navigator.credentials.get({
    publicKey: {
      ...given,
      challenge: fromBase64Url(given.challenge),
      allowCredentials: withIds(given.allowCredentials),
    },
  });
  const response = credential.response;
  return {
    id: credential.id,
    rawId: toBase64Url(credential.rawId),
    type: credential.type,
    response: {
      authenticatorData: toBase64Url(response.authenticatorData),
      clientDataJSON: toBase64Url(response.clientDataJSON),
      signature: toBase64Url(response.signature),
      userHandle: response.userHandle ? toBase64Url(response.userHandle) : null,
    },
    extensions: credential.getClientExtensionResults(),
  };
}
