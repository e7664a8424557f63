// The web app's script builds the same bytes as the Rust side: run with `node --test crates/phone-client/testdata`.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

const read = (path) => readFile(new URL(path, import.meta.url), "utf8");

// The scripts carry no package.json, so they are handed to node as what they are: modules.
async function load(name) {
  const text = await read("../../../themes/default/assets/phone/" + name);
  return import("data:text/javascript;base64," + Buffer.from(text).toString("base64"));
}

const vectors = JSON.parse(await read("messages.json"));
const messages = await load("messages.js");
const links = await load("links.js");

const builders = {
  claim: messages.claimMessage,
  approval: messages.approvalMessage,
  enrolment: messages.enrolmentMessage,
  device: messages.deviceMessage,
  rotation: messages.rotationMessage,
};

test("every message is that of the shared vectors", async () => {
  for (const { kind, given, text } of vectors.messages) assert.equal(await builders[kind](given), text, kind);
});

test("the passkey's challenge is that of the shared vectors", async () => {
  const { facts, nonce, challenge } = vectors.passkey_challenge;
  assert.equal(await messages.passkeyChallenge(facts, nonce), challenge);
});

test("no value can add a line", () => {
  const attack = { issuer: "i", channel: "c\ndevice=other", device: "d", challenge: "x" };
  assert.throws(() => messages.claimMessage(attack));
});

test("base64url survives both ways", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
  assert.deepEqual(messages.fromBase64Url(messages.toBase64Url(bytes)), bytes);
});

test("only codes of the own service are read", () => {
  const own = "https://id.example";
  const id = "AAAAAAAAAAAAAAAAAAAAAA";
  assert.deepEqual(links.readCode(`${own}/s#1${id}`, own), { channel: id });
  assert.deepEqual(links.readCode(` ${own}/phone#1${id}\n`, own), { channel: id });
  for (const host of ["id.example.evil.test", "evilid.example", "id.example:8443"]) {
    assert.deepEqual(links.readCode(`https://${host}/s#1${id}`, own), { foreign: host }, host);
    assert.deepEqual(links.readCode(`https://${host}/phone#m1${id}`, own), { foreign: host }, host);
  }
  assert.deepEqual(links.readCode(`${own}/phone#m1${id}`, own), { offer: id });
  for (const bad of ["", "x", own, `${own}/s`, `${own}/s#2${id}`, `${own}/s?x#1${id}`, `javascript:1#1${id}`, `${own}/s#1short`,
    `${own}/s#m1${id}`, `${own}/phone#e1${id}`, `${own}/phone?x#m1${id}`]) {
    assert.equal(links.readCode(bad, own), null, bad);
  }
});
