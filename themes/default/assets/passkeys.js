// WebAuthn between JSON and the browser. JSON is that of WebAuthn Level 3, with binary values in base64url.

export const isSupported = typeof window.PublicKeyCredential === "function";

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function text(buffer) {
  let plain = "";
  for (const byte of new Uint8Array(buffer)) plain += String.fromCharCode(byte);
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

const withBytes = (descriptor) => ({ ...descriptor, id: bytes(descriptor.id) });

/** Whether the browser can offer passkeys inside the user name field. */
export async function isConditional() {
  try {
    return isSupported && Boolean(await PublicKeyCredential.isConditionalMediationAvailable?.());
  } catch {
    return false;
  }
}

/** Asks for a passkey; null when the person gave none. `conditional`: inside the user name field. */
export async function ask(options, { conditional = false, signal } = {}) {
  const given = options.publicKey ?? options;
  const publicKey = {
    ...given,
    challenge: bytes(given.challenge),
    allowCredentials: (given.allowCredentials ?? []).map(withBytes),
  };
  const request = { publicKey, signal };
  if (conditional) request.mediation = "conditional";
  const credential = await navigator.credentials.get(request);
  if (!credential) return null;
  const { response } = credential;
  return {
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    response: {
      authenticatorData: text(response.authenticatorData),
      clientDataJSON: text(response.clientDataJSON),
      signature: text(response.signature),
      userHandle: response.userHandle ? text(response.userHandle) : null,
    },
    clientExtensionResults: {},
  };
}

/** Makes a passkey; null when the person made none. */
export async function make(options) {
  const given = options.publicKey ?? options;
  const publicKey = {
    ...given,
    challenge: bytes(given.challenge),
    user: withBytes(given.user),
    excludeCredentials: (given.excludeCredentials ?? []).map(withBytes),
  };
  const credential = await navigator.credentials.create({ publicKey });
  if (!credential) return null;
  const { response } = credential;
  return {
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    response: {
      attestationObject: text(response.attestationObject),
      clientDataJSON: text(response.clientDataJSON),
      transports: response.getTransports?.() ?? [],
    },
    clientExtensionResults: {},
  };
}
