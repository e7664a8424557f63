// This phone's identity: a device key that cannot leave the browser, and what the server said at enrolment.
// Kept in IndexedDB; nothing of it is readable as text: the private key is a handle, not bytes.

import { enrolmentMessage, hashOf, rotationMessage, toBase64Url } from "./messages.js";

const DATABASE = "latchbolt-phone";
const STORE = "phone";
const SELF = "self";
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const encoder = new TextEncoder();

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("the phone's store is in use"));
  });
}

async function within(mode, work) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/**
 * The enrolled phone, or undefined: {device, issuer, account, name, privateKey}; once its key was renewed the key's
 * `thumbprint`, and `next` while a renewal is under way (renew.js).
 */
export function loadPhone() {
  return within("readonly", (store) => store.get(SELF));
}

/** Keeps the phone; asks the browser not to clear it away. */
export async function savePhone(phone) {
  await within("readwrite", (store) => store.put(phone, SELF));
  try {
    await navigator.storage?.persist?.();
  } catch {
    // Only a request: without it the browser may forget the phone after long disuse.
  }
}

export function forgetPhone() {
  return within("readwrite", (store) => store.delete(SELF));
}

/** Makes a device key. The private part is not extractable. */
export async function makeKey() {
  const pair = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const jwk = { kty, crv, x, y };
  // RFC 7638: required members in lexical order, no white space.
  const thumbprint = await hashOf(`{"crv":"${crv}","kty":"${kty}","x":"${x}","y":"${y}"}`);
  return { privateKey: pair.privateKey, jwk, thumbprint };
}

/** Signs a text: r and s, 64 bytes, base64url. */
export async function sign(privateKey, text) {
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, encoder.encode(text));
  return toBase64Url(signature);
}

/** Signs the enrolment of a new key. */
export function signEnrolment(key, it) {
  return sign(key.privateKey, enrolmentMessage({ ...it, key: key.thumbprint }));
}

/** The new key of a phone signs that it is to be this phone's. */
export function signRotation(key, it) {
  return sign(key.privateKey, rotationMessage({ ...it, key: key.thumbprint }));
}
