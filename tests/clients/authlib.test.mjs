// Python's Authlib, by its integration with Flask and by its session; a script of ours only tells it what to do.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import * as jose from "jose";

import { Ground, REDIRECT } from "./ground.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
let ground;

before(async () => {
  ground = await Ground.raise({ secure: true });
});
after(() => ground?.strike());

/** Runs the script to its end; the person goes where it sends them. */
async function authlib(scenario, registered, more = {}) {
  const python = here(".venv/bin/python");
  if (!existsSync(python)) throw new Error(`${python} is missing: tests/run makes it from requirements.txt`);
  const child = spawn(python, ["-I", here("authlib_client.py")], {
    stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, REQUESTS_CA_BUNDLE: ground.authority.ca },
  });
  const ended = new Promise((done) => child.once("close", done));
  let complaint = "";
  child.stderr.on("data", (part) => { complaint += part; });
  const say = (words) => child.stdin.write(`${JSON.stringify(words)}\n`);
  say({
    scenario, issuer: ground.issuer, redirect_uri: REDIRECT,
    client_id: registered.client_id, client_secret: registered.client_secret, token_endpoint: `${ground.issuer}/token`, ...more,
  });
  let done;
  for await (const line of createInterface({ input: child.stdout })) {
    const words = JSON.parse(line);
    if (words.go) {
      const landed = await ground.visitor().signIn(words.go);
      // What comes after a hash stays in the browser.
      say({ landed: landed.at.href.split("#")[0] });
    } else {
      done = words.done;
    }
  }
  assert.equal(await ended, 0, complaint);
  return done;
}

for (const method of ["client_secret_basic", "client_secret_post", "client_secret_jwt"]) {
  test(`a Flask application signs a person in with ${method}`, async () => {
    const registered = ground.client(`flask-${method}`, { token_endpoint_auth_method: method, scope: "openid profile email" });
    const { claims, info } = await authlib("flask", registered, { method });
    assert.equal(claims.iss, ground.issuer);
    assert.equal(info.preferred_username, "ada");
  });
}

for (const alg of ["RS256", "ES256", "EdDSA"]) {
  test(`a Flask application signs a person in with private_key_jwt and ${alg}`, async () => {
    const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
    const kid = `flask-${alg}-key`;
    const registered = ground.client(`flask-${alg}`, {
      token_endpoint_auth_method: "private_key_jwt", scope: "openid profile email", id_token_signed_response_alg: alg,
      jwks: { keys: [{ ...(await jose.exportJWK(publicKey)), kid, alg, use: "sig" }] },
    });
    const key = { ...(await jose.exportJWK(privateKey)), kid, alg };
    const { claims, info } = await authlib("flask", registered, { method: "private_key_jwt", key });
    assert.equal(claims.aud, registered.client_id);
    assert.equal(info.sub, claims.sub);
  });
}

test("its session redeems, refreshes, introspects and revokes", async () => {
  const registered = ground.client("authlib-session", {
    scope: "openid email offline_access", grant_types: ["authorization_code", "refresh_token"],
  });
  const { info } = await authlib("session", registered);
  assert.equal(info.email, "ada@mail.example");
});
