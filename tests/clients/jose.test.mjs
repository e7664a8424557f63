// npm `jose` verifies every kind of token that Latchbolt signs, and opens every kind that it encrypts.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";

import * as jose from "jose";

import { Ground, REDIRECT, until } from "./ground.mjs";

const ALGS = ["ES256", "RS256", "PS256", "EdDSA"];
const b64 = (bytes) => Buffer.from(bytes).toString("base64url");
let ground;
let metadata;
let keys;

before(async () => {
  ground = await Ground.raise({ secure: true });
  metadata = await (await ground.fetch(`${ground.issuer}/.well-known/openid-configuration`)).json();
  keys = jose.createRemoteJWKSet(new URL(metadata.jwks_uri), { [jose.customFetch]: ground.fetch });
});
after(() => ground?.strike());

const authorized = ({ client_id, client_secret }) => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(client_id)}:${encodeURIComponent(client_secret)}`).toString("base64")}`,
});

const post = (url, body, headers) => ground.fetch(url, { method: "POST", headers, body: new URLSearchParams(body) });

/** A sign-in by hand, so that what comes back is as it was sent. */
async function signIn(client, { visitor = ground.visitor(), ...more } = {}) {
  const verifier = b64(randomBytes(32));
  const sent = {
    response_type: "code", client_id: client.client_id, redirect_uri: REDIRECT, scope: client.scope, state: b64(randomBytes(9)),
    nonce: b64(randomBytes(9)), code_challenge: b64(createHash("sha256").update(verifier).digest()), code_challenge_method: "S256", ...more,
  };
  const { at } = await visitor.signIn(`${metadata.authorization_endpoint}?${new URLSearchParams(sent)}`);
  const front = Object.fromEntries(new URLSearchParams(at.search || at.hash.slice(1)));
  assert.ok(front.code, String(at));
  const answer = await post(metadata.token_endpoint, {
    grant_type: "authorization_code", code: front.code, redirect_uri: REDIRECT, code_verifier: verifier,
  }, authorized(client));
  const tokens = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(tokens));
  return { sent, front, tokens };
}

const register = (id, more) => ground.client(id, { scope: "openid profile email", latchbolt_skip_consent: true, ...more });

/** The left half of a hash (OpenID Connect Core §3.1.3.6). */
function half(alg, text) {
  const hash = createHash(alg === "EdDSA" ? "sha512" : "sha256").update(text).digest();
  return b64(hash.subarray(0, hash.length / 2));
}

test("the key set holds public keys of every algorithm, and nothing else", async () => {
  const set = await (await ground.fetch(metadata.jwks_uri)).json();
  for (const key of set.keys) {
    for (const secret of ["d", "p", "q", "dp", "dq", "qi", "k"]) assert.ok(!(secret in key), secret);
    await jose.importJWK(key);
  }
  for (const alg of ALGS) assert.ok(set.keys.some((key) => key.alg === alg && key.use === "sig"), alg);
});

for (const alg of ALGS) {
  test(`ID tokens with ${alg}, their hashes, and the access token beside them`, async () => {
    const client = register(`jose-${alg}`, {
      id_token_signed_response_alg: alg, userinfo_signed_response_alg: alg, introspection_signed_response_alg: alg,
      response_types: ["code", "code id_token token"], grant_types: ["authorization_code", "implicit"],
    });
    const { client_id: audience } = client;
    const { sent, front, tokens } = await signIn(client, { response_type: "code id_token token" });
    const { protectedHeader, payload } = await jose.jwtVerify(tokens.id_token, keys, { issuer: ground.issuer, audience, algorithms: [alg] });
    assert.ok(protectedHeader.kid);
    assert.equal(payload.nonce, sent.nonce);
    assert.ok(payload.sid && payload.auth_time && payload.acr && payload.amr);
    if (payload.at_hash) assert.equal(payload.at_hash, half(alg, tokens.access_token));

    const first = await jose.jwtVerify(front.id_token, keys, { issuer: ground.issuer, audience, algorithms: [alg] });
    assert.equal(first.payload.sub, payload.sub);
    assert.equal(first.payload.c_hash, half(alg, front.code));
    assert.equal(first.payload.at_hash, half(alg, front.access_token));

    for (const token of [tokens.access_token, front.access_token]) {
      const access = await jose.jwtVerify(token, keys, { issuer: ground.issuer, audience: ground.issuer, typ: "at+jwt" });
      for (const name of ["exp", "iat", "jti", "scope", "auth_time"]) assert.ok(access.payload[name], name);
      assert.equal(access.payload.client_id, audience);
      assert.equal(access.payload.sub, payload.sub);
    }

    const info = await ground.fetch(metadata.userinfo_endpoint, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    assert.match(info.headers.get("content-type"), /^application\/jwt/);
    const about = await jose.jwtVerify(await info.text(), keys, { issuer: ground.issuer, audience, algorithms: [alg] });
    assert.equal(about.payload.preferred_username, "ada");

    const answer = await post(metadata.introspection_endpoint, { token: tokens.access_token },
      { ...authorized(client), accept: "application/token-introspection+jwt" });
    assert.match(answer.headers.get("content-type"), /^application\/token-introspection\+jwt/);
    const found = await jose.jwtVerify(await answer.text(), keys, {
      issuer: ground.issuer, audience, typ: "token-introspection+jwt", algorithms: [alg],
    });
    assert.equal(found.payload.token_introspection.active, true);
    assert.equal(found.payload.token_introspection.sub, payload.sub);
  });
}

for (const alg of ["RSA-OAEP-256", "ECDH-ES"]) {
  for (const enc of ["A128GCM", "A192GCM", "A256GCM", "A128CBC-HS256", "A256CBC-HS512"]) {
    test(`encrypted ID token and userinfo with ${alg} and ${enc}`, async () => {
      const { publicKey, privateKey } = await jose.generateKeyPair(alg);
      const key = { ...(await jose.exportJWK(publicKey)), use: "enc", alg, kid: "for-me" };
      const client = register(`jose-${alg}-${enc}`, {
        jwks: { keys: [key] }, id_token_encrypted_response_alg: alg, id_token_encrypted_response_enc: enc,
        userinfo_signed_response_alg: "ES256", userinfo_encrypted_response_alg: alg, userinfo_encrypted_response_enc: enc,
      });
      const { tokens } = await signIn(client);
      const open = async (sealed) => {
        const { plaintext, protectedHeader } = await jose.compactDecrypt(sealed, privateKey, {
          keyManagementAlgorithms: [alg], contentEncryptionAlgorithms: [enc],
        });
        assert.equal(protectedHeader.kid, "for-me");
        assert.equal(protectedHeader.cty, "JWT");
        return jose.jwtVerify(Buffer.from(plaintext).toString(), keys, { issuer: ground.issuer, audience: client.client_id });
      };
      const { payload } = await open(tokens.id_token);
      const info = await ground.fetch(metadata.userinfo_endpoint, { headers: { authorization: `Bearer ${tokens.access_token}` } });
      assert.match(info.headers.get("content-type"), /^application\/jwt/);
      assert.equal((await open(await info.text())).payload.sub, payload.sub);
    });
  }
}

test("logout tokens, and whom they are about", async () => {
  const heard = [];
  const site = await ground.listen((request, body) => {
    heard.push({ path: request.url, type: request.headers["content-type"], token: new URLSearchParams(body).get("logout_token") });
    return { headers: { "cache-control": "no-store" } };
  });
  const clients = ALGS.map((alg) => register(`jose-bye-${alg}`, {
    id_token_signed_response_alg: alg, backchannel_logout_uri: `${site}/${alg}`, backchannel_logout_session_required: true,
  }));
  const visitor = ground.visitor();
  const known = {};
  for (const [at, alg] of ALGS.entries()) known[alg] = jose.decodeJwt((await signIn(clients[at], { visitor })).tokens.id_token);
  const page = await visitor.follow(metadata.end_session_endpoint);
  await visitor.submit(page, "logout", { press: "logout-confirm" });
  await until("logout tokens", () => heard.length >= ALGS.length);
  for (const [at, alg] of ALGS.entries()) {
    const { token, type } = heard.find(({ path }) => path === `/${alg}`);
    assert.match(type, /^application\/x-www-form-urlencoded/);
    const { payload } = await jose.jwtVerify(token, keys, {
      issuer: ground.issuer, audience: clients[at].client_id, typ: "logout+jwt", algorithms: [alg],
      requiredClaims: ["iat", "exp", "jti", "events"],
    });
    assert.deepEqual(payload.events, { "http://schemas.openid.net/event/backchannel-logout": {} });
    assert.equal(payload.sid, known[alg].sid);
    assert.equal(payload.sub ?? known[alg].sub, known[alg].sub);
    assert.equal(payload.nonce, undefined);
    assert.ok(payload.exp - payload.iat <= 120);
  }
});

test("an opaque access token is nothing to read", async () => {
  const client = register("jose-opaque", { latchbolt_access_token_format: "opaque" });
  const { tokens } = await signIn(client);
  assert.throws(() => jose.decodeJwt(tokens.access_token));
  const answer = await post(metadata.introspection_endpoint, { token: tokens.access_token }, authorized(client));
  assert.equal((await answer.json()).active, true);
});

test("a request object that only Latchbolt can read", async () => {
  const set = await (await ground.fetch(metadata.jwks_uri)).json();
  const { publicKey, privateKey } = await jose.generateKeyPair("ES256");
  for (const key of set.keys.filter(({ use }) => use === "enc")) {
    const alg = key.alg;
    const client = register(`jose-sealed-${alg}`, {
      jwks: { keys: [{ ...(await jose.exportJWK(publicKey)), use: "sig", alg: "ES256" }] }, request_object_signing_alg: "ES256",
      request_object_encryption_alg: alg, request_object_encryption_enc: "A256GCM",
    });
    const verifier = b64(randomBytes(32));
    const signed = await new jose.SignJWT({
      response_type: "code", client_id: client.client_id, redirect_uri: REDIRECT, scope: "openid", state: "kept", nonce: "once",
      code_challenge: b64(createHash("sha256").update(verifier).digest()), code_challenge_method: "S256",
    }).setProtectedHeader({ alg: "ES256", typ: "oauth-authz-req+jwt" }).setIssuer(client.client_id).setAudience(ground.issuer)
      .setIssuedAt().setExpirationTime("2m").sign(privateKey);
    const sealed = await new jose.CompactEncrypt(Buffer.from(signed))
      .setProtectedHeader({ alg, enc: "A256GCM", kid: key.kid, cty: "oauth-authz-req+jwt" })
      .encrypt(await jose.importJWK(key, alg));
    const query = new URLSearchParams({ client_id: client.client_id, request: sealed });
    const { at } = await ground.visitor().signIn(`${metadata.authorization_endpoint}?${query}`);
    assert.equal(at.searchParams.get("state"), "kept", String(at));
    assert.ok(at.searchParams.get("code"), String(at));
  }
  assert.deepEqual(new Set(set.keys.filter(({ use }) => use === "enc").map(({ alg }) => alg)), new Set(["RSA-OAEP-256", "ECDH-ES"]));
});
