// The phone API of this server. Answers JSON or throws a Refused whose `code` is a word of the API
// (or `offline`, `nonsense`). Nothing is sent anywhere else.

import { claimMessage, deviceMessage } from "./messages.js";
import { sign } from "./keys.js";

const API = "/api/phone/v1";

export class Refused extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.title || problem.code || "refused");
    this.status = status;
    this.code = problem.code || "refused";
    this.left = problem.left;
    this.retryAfter = retryAfter;
  }
}

// How far this phone's clock is behind the server's, in milliseconds. Phones with a wrong clock exist, and
// the time is part of what is signed.
let skew = 0;

/** The server's time in whole seconds. */
export function now() {
  return Math.floor((Date.now() + skew) / 1000);
}

async function post(path, text, headers) {
  let response;
  try {
    response = await fetch(API + path, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json", ...headers },
      body: text,
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
      referrerPolicy: "no-referrer",
    });
  } catch {
    throw new Refused(0, { code: "offline" });
  }
  const date = Date.parse(response.headers.get("date") ?? "");
  if (!Number.isNaN(date) && Math.abs(date - Date.now()) > 5000) skew = date - Date.now();
  if (response.status === 204) return null;
  let answer;
  try {
    answer = await response.json();
  } catch {
    throw new Refused(response.status, { code: response.ok ? "nonsense" : "refused" });
  }
  if (!response.ok) {
    const seconds = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
    throw new Refused(response.status, answer, Number.isNaN(seconds) ? undefined : seconds);
  }
  return answer;
}

function ask(path, body) {
  return post(path, JSON.stringify(body), {});
}

/** Begins an enrolment with {username, password}, {username, code}, {token} or {move}. */
export function beginEnrolment(credentials) {
  return ask("/enrolments", credentials);
}

export function completeEnrolment(enrolment, body) {
  return ask("/enrolments/" + encodeURIComponent(enrolment), body);
}

async function challengeFor(phone) {
  return (await ask("/challenges", { device: phone.device })).challenge;
}

/** Claims the sign-in with this channel id. */
export async function claim(phone, channel) {
  const challenge = await challengeFor(phone);
  const message = claimMessage({ issuer: phone.issuer, channel, device: phone.device, challenge });
  const signature = await sign(phone.privateKey, message);
  return ask("/claims", { device: phone.device, channel, challenge, signature });
}

export function decide(handle, body) {
  return ask("/claims/" + encodeURIComponent(handle) + "/decision", body);
}

/** A request that the device signs as a whole. */
async function signed(phone, path, body) {
  const challenge = await challengeFor(phone);
  const text = JSON.stringify(body);
  const message = await deviceMessage({
    issuer: phone.issuer,
    device: phone.device,
    challenge,
    method: "POST",
    path: API + path,
    body: text,
  });
  const signature = await sign(phone.privateKey, message);
  return post(path, text, { "lb-device": phone.device, "lb-challenge": challenge, "lb-signature": signature });
}

export function standing(phone) {
  return signed(phone, "/devices/self", {});
}

export async function sessions(phone) {
  return (await signed(phone, "/devices/self/sessions", {})).sessions;
}

export function endSession(phone, id) {
  return signed(phone, "/devices/self/sessions/" + encodeURIComponent(id) + "/end", {});
}

export function revoke(phone, endSessions) {
  return signed(phone, "/devices/self/revoke", { end_sessions: endSessions });
}

/** A nonce for one deed of the owner, and what the passkey is asked. */
export function beginVerification(phone, purpose, subject) {
  return signed(phone, "/devices/self/verification", { purpose, subject });
}

export function reverify(phone, proof) {
  return signed(phone, "/devices/self/verify", { proof });
}

/** Puts a new key in the place of the one that signs this request. */
export function rotateKey(phone, body) {
  return signed(phone, "/devices/self/key", body);
}

/** The owner's other phones. */
export async function others(phone) {
  return (await signed(phone, "/devices/self/others", {})).phones;
}

export function lost(phone, device, reason) {
  return signed(phone, "/devices/self/others/" + encodeURIComponent(device) + "/lost", { reason });
}

export function found(phone, device, proof) {
  return signed(phone, "/devices/self/others/" + encodeURIComponent(device) + "/found", { proof });
}

/** This new phone offers to take an old one's place. */
export function offerMove(platform) {
  return ask("/moves", { platform });
}

/** Where that offer stands. */
export function moveState(secret) {
  return ask("/moves/state", { move: secret });
}

/** The offer of a new phone is this phone's to answer. */
export function claimMove(phone, offer) {
  return signed(phone, "/devices/self/moves/claim", { offer });
}

export function approveMove(phone, offer, number, proof) {
  return signed(phone, "/devices/self/moves/approve", { offer, number, proof });
}

export function denyMove(phone, offer) {
  return signed(phone, "/devices/self/moves/deny", { offer });
}
