// npm `openid-client`, a certified relying party that we did not write, signs in by driving the forms over HTTP.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import * as jose from "jose";
import * as oidc from "openid-client";

import { Ground, REDIRECT } from "./ground.mjs";

const ALGS = ["ES256", "RS256", "PS256", "EdDSA"];
let ground;

before(async () => {
  ground = await Ground.raise({ registration: { mode: "open" } });
});
after(() => ground?.strike());

async function discover(registered, authentication, metadata = {}) {
  const known = { client_secret: registered.client_secret, ...metadata };
  return oidc.discovery(new URL(ground.issuer), registered.client_id, known, authentication, {
    execute: [oidc.allowInsecureRequests],
  });
}

/** A client with a secret that nobody is asked about, and its configuration. */
async function confidential(id, metadata = {}, known = {}) {
  const registered = ground.client(id, { scope: "openid profile email", latchbolt_skip_consent: true, ...metadata });
  return discover(registered, oidc.ClientSecretBasic(registered.client_secret), known);
}

/** A client with a key of its own, and that key. */
async function keyed(id, alg, metadata = {}, known = {}) {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  const key = { ...(await jose.exportJWK(publicKey)), kid: `${id}-key`, alg, use: "sig" };
  const registered = ground.client(id, {
    scope: "openid profile email", latchbolt_skip_consent: true, token_endpoint_auth_method: "private_key_jwt",
    jwks: { keys: [key] }, ...metadata,
  });
  const owned = { key: privateKey, kid: key.kid };
  return { owned, config: await discover(registered, oidc.PrivateKeyJwt(owned), known) };
}

/** What a request starts with, and what its answer is checked against. */
async function begin(more = {}) {
  const verifier = oidc.randomPKCECodeVerifier();
  const [state, nonce] = [oidc.randomState(), oidc.randomNonce()];
  const parameters = {
    redirect_uri: REDIRECT, scope: "openid profile email", state, nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", ...more,
  };
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };
  if (more.max_age) checks.maxAge = Number(more.max_age);
  return { parameters, checks };
}

async function land(url, visitor = ground.visitor()) {
  const landed = await visitor.signIn(url);
  assert.equal(landed.at.origin + landed.at.pathname, REDIRECT, `${landed.at}\n${landed.html}`);
  return landed;
}

async function wholeSignIn(config, { visitor, more, options } = {}) {
  const { parameters, checks } = await begin(more);
  const landed = await land(oidc.buildAuthorizationUrl(config, parameters), visitor);
  const tokens = await oidc.authorizationCodeGrant(config, landed.at, checks, undefined, options);
  return { tokens, claims: tokens.claims() };
}

const kinds = {
  client_secret_basic: (secret) => oidc.ClientSecretBasic(secret),
  client_secret_post: (secret) => oidc.ClientSecretPost(secret),
  client_secret_jwt: (secret) => oidc.ClientSecretJwt(secret),
  none: () => oidc.None(),
};

for (const [method, authentication] of Object.entries(kinds)) {
  for (const alg of ["ES256", "RS256"]) {
    test(`signs in with ${method} and ${alg}`, async () => {
      const registered = ground.client(`oc-${method}-${alg}`, {
        token_endpoint_auth_method: method, id_token_signed_response_alg: alg, scope: "openid profile email",
      });
      const config = await discover(registered, authentication(registered.client_secret), { id_token_signed_response_alg: alg });
      const { tokens, claims } = await wholeSignIn(config);
      assert.equal(claims.iss, ground.issuer);
      assert.equal(claims.acr, "urn:latchbolt:acr:password");
      const info = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
      assert.equal(info.preferred_username, "ada");
      assert.equal(info.email, "ada@mail.example");
    });
  }
}

for (const alg of ALGS) {
  test(`signs in with private_key_jwt and ${alg}, both ways`, async () => {
    const metadata = { id_token_signed_response_alg: alg, token_endpoint_auth_signing_alg: alg };
    const { config } = await keyed(`oc-key-${alg}`, alg, metadata, { id_token_signed_response_alg: alg });
    oidc.enableNonRepudiationChecks(config);
    const { claims } = await wholeSignIn(config);
    assert.equal(claims.iss, ground.issuer);
  });
}

test("max_age and prompt are understood alike", async () => {
  const config = await confidential("oc-age");
  const visitor = ground.visitor();
  const first = await wholeSignIn(config, { visitor, more: { max_age: "600" } });
  assert.ok(first.claims.auth_time > 0);
  const silent = await wholeSignIn(config, { visitor, more: { prompt: "none" } });
  assert.equal(silent.claims.sub, first.claims.sub);
  await new Promise((done) => setTimeout(done, 1_100));
  const again = await wholeSignIn(config, { visitor, more: { prompt: "login" } });
  assert.ok(again.claims.auth_time > first.claims.auth_time);
});

test("a code used twice is an error the client understands", async () => {
  const config = await confidential("oc-twice");
  const { parameters, checks } = await begin();
  const landed = await land(oidc.buildAuthorizationUrl(config, parameters));
  const tokens = await oidc.authorizationCodeGrant(config, landed.at, checks);
  await assert.rejects(oidc.authorizationCodeGrant(config, landed.at, checks), { error: "invalid_grant" });
  await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, oidc.skipSubjectCheck), { code: "OAUTH_WWW_AUTHENTICATE_CHALLENGE" });
});

test("errors come back to the client with the issuer", async () => {
  const config = await confidential("oc-error");
  const { parameters, checks } = await begin({ prompt: "none" });
  const landed = await ground.visitor().follow(oidc.buildAuthorizationUrl(config, parameters));
  await assert.rejects(oidc.authorizationCodeGrant(config, landed.at, checks), { error: "login_required" });
});

test("refreshes, and a retry gets the same successor", async () => {
  const config = await confidential("oc-refresh", {
    grant_types: ["authorization_code", "refresh_token"], scope: "openid profile email offline_access",
  });
  const { tokens, claims } = await wholeSignIn(config, { more: { scope: "openid profile email offline_access", prompt: "consent" } });
  assert.ok(tokens.refresh_token);
  const next = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(next.refresh_token, tokens.refresh_token);
  assert.equal(next.claims()?.sub ?? claims.sub, claims.sub);
  const retried = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  assert.equal(retried.refresh_token, next.refresh_token);
  const narrower = await oidc.refreshTokenGrant(config, next.refresh_token, { scope: "openid email" });
  const info = await oidc.fetchUserInfo(config, narrower.access_token, claims.sub);
  assert.equal(info.email, "ada@mail.example");
  assert.equal(info.preferred_username, undefined);
});

test("introspects and revokes", async () => {
  const config = await confidential("oc-revoke", {
    grant_types: ["authorization_code", "refresh_token"], scope: "openid offline_access",
  });
  const { tokens, claims } = await wholeSignIn(config, { more: { scope: "openid offline_access", prompt: "consent" } });
  for (const token of [tokens.access_token, tokens.refresh_token]) {
    const found = await oidc.tokenIntrospection(config, token);
    assert.equal(found.active, true);
    assert.equal(found.sub, claims.sub);
    assert.equal(found.client_id, "oc-revoke");
  }
  await oidc.tokenRevocation(config, tokens.refresh_token, { token_type_hint: "refresh_token" });
  for (const token of [tokens.access_token, tokens.refresh_token]) {
    assert.deepEqual(await oidc.tokenIntrospection(config, token), { active: false });
  }
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: "invalid_grant" });
});

test("takes a signed introspection answer", async () => {
  const config = await confidential("oc-intro-jwt", { introspection_signed_response_alg: "ES256" }, { introspection_signed_response_alg: "ES256" });
  oidc.enableNonRepudiationChecks(config);
  const { tokens, claims } = await wholeSignIn(config);
  const found = await oidc.tokenIntrospection(config, tokens.access_token);
  assert.equal(found.active, true);
  assert.equal(found.sub, claims.sub);
});

test("gets a token for itself", async () => {
  const config = await confidential("oc-own", {
    grant_types: ["authorization_code", "client_credentials"], scope: "openid reports:read",
  });
  const tokens = await oidc.clientCredentialsGrant(config, { scope: "reports:read" });
  assert.equal(tokens.scope, "reports:read");
  const found = await oidc.tokenIntrospection(config, tokens.access_token);
  assert.equal(found.active, true);
  assert.equal(found.sub, "oc-own");
});

test("pushes its request", async () => {
  const config = await confidential("oc-par", { require_pushed_authorization_requests: true });
  const { parameters, checks } = await begin();
  const url = await oidc.buildAuthorizationUrlWithPAR(config, parameters);
  assert.match(url.searchParams.get("request_uri"), /^urn:ietf:params:oauth:request_uri:/);
  const landed = await land(url);
  const tokens = await oidc.authorizationCodeGrant(config, landed.at, checks);
  assert.equal(tokens.claims().iss, ground.issuer);
  // Not pushed: refused where it is asked to be pushed; used: gone.
  const unpushed = await land(oidc.buildAuthorizationUrl(config, parameters));
  assert.equal(unpushed.at.searchParams.get("error"), "invalid_request");
  assert.match((await ground.visitor().follow(url)).html, /data-error="invalid_request_uri"/);
});

for (const alg of ALGS) {
  test(`signs its request with ${alg}, and pushes it`, async () => {
    const { config, owned } = await keyed(`oc-jar-${alg}`, alg, {
      request_object_signing_alg: alg, require_signed_request_object: true,
    });
    const { parameters, checks } = await begin();
    const direct = await oidc.buildAuthorizationUrlWithJAR(config, parameters, owned);
    assert.ok(direct.searchParams.has("request"));
    const landed = await land(direct);
    assert.ok((await oidc.authorizationCodeGrant(config, landed.at, checks)).id_token);

    const second = await begin();
    const signed = await oidc.buildAuthorizationUrlWithJAR(config, second.parameters, owned);
    const pushed = await oidc.buildAuthorizationUrlWithPAR(config, signed.searchParams);
    const arrived = await land(pushed);
    assert.ok((await oidc.authorizationCodeGrant(config, arrived.at, second.checks)).id_token);
  });
}

for (const alg of ["ES256", "EdDSA"]) {
  test(`binds its tokens to a key by DPoP, ${alg}`, async () => {
    const config = await confidential(`oc-dpop-${alg}`, {
      dpop_bound_access_tokens: true, grant_types: ["authorization_code", "refresh_token"],
      scope: "openid profile offline_access",
    }, { dpop_bound_access_tokens: true });
    const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair(alg));
    const { parameters, checks } = await begin({ scope: "openid profile offline_access", prompt: "consent" });
    const url = await oidc.buildAuthorizationUrlWithPAR(config, parameters, { DPoP });
    const landed = await land(url);
    const tokens = await oidc.authorizationCodeGrant(config, landed.at, checks, undefined, { DPoP });
    assert.equal(tokens.token_type, "dpop");
    const { sub } = tokens.claims();
    const info = await oidc.fetchUserInfo(config, tokens.access_token, sub, { DPoP });
    assert.equal(info.preferred_username, "ada");
    const next = await oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
    assert.equal((await oidc.fetchUserInfo(config, next.access_token, sub, { DPoP })).sub, sub);
    // Somebody who stole the token has not the key.
    await assert.rejects(oidc.fetchUserInfo(config, next.access_token, sub));
    const other = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair(alg));
    await assert.rejects(oidc.fetchUserInfo(config, next.access_token, sub, { DPoP: other }), { code: "OAUTH_WWW_AUTHENTICATE_CHALLENGE" });
  });
}

test("registers itself, and signs in as what it became", async () => {
  const config = await oidc.dynamicClientRegistration(new URL(ground.issuer), {
    client_name: "Came by itself", redirect_uris: [REDIRECT], grant_types: ["authorization_code"],
    response_types: ["code"], scope: "openid profile email",
  }, oidc.ClientSecretBasic(), { execute: [oidc.allowInsecureRequests] });
  const registered = config.clientMetadata();
  assert.ok(registered.client_id && registered.client_secret);
  const { claims } = await wholeSignIn(config);
  assert.equal(claims.aud, registered.client_id);
});

test("registers itself where a right to do so is asked for", async () => {
  const guarded = await Ground.raise({ registration: { mode: "token" } });
  try {
    const { token } = guarded.server.command(["client", "token", "create", "--name", "for openid-client"]);
    const register = (initialAccessToken) => oidc.dynamicClientRegistration(new URL(guarded.issuer), {
      redirect_uris: [REDIRECT],
    }, undefined, { initialAccessToken, execute: [oidc.allowInsecureRequests] });
    await assert.rejects(register("of-my-own-invention"), { code: "OAUTH_WWW_AUTHENTICATE_CHALLENGE" });
    assert.ok((await register(token)).clientMetadata().client_id);
    await assert.rejects(register(token), { code: "OAUTH_WWW_AUTHENTICATE_CHALLENGE" });
  } finally {
    await guarded.strike();
  }
});

test("knows a person by another subject than other sectors do", async () => {
  const subjects = [];
  for (const [id, host] of [["oc-pair-1", "one.example"], ["oc-pair-2", "two.example"], ["oc-pair-3", "one.example"]]) {
    const config = await confidential(id, { subject_type: "pairwise", redirect_uris: [`https://${host}/callback`] });
    const { parameters, checks } = await begin({ redirect_uri: `https://${host}/callback` });
    const landed = await ground.visitor().signIn(oidc.buildAuthorizationUrl(config, parameters));
    const tokens = await oidc.authorizationCodeGrant(config, landed.at, checks);
    const { sub } = tokens.claims();
    assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, sub)).sub, sub);
    subjects.push(sub);
  }
  assert.equal(subjects[0], subjects[2]);
  assert.notEqual(subjects[0], subjects[1]);
});

test("gets an ID token that only it can read", async () => {
  for (const [alg, enc] of [["RSA-OAEP-256", "A256GCM"], ["ECDH-ES", "A128GCM"], ["ECDH-ES", "A192GCM"], ["RSA-OAEP-256", "A128CBC-HS256"]]) {
    const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
    const key = { ...(await jose.exportJWK(publicKey)), use: "enc", alg, kid: "for-me" };
    const known = { id_token_encrypted_response_alg: alg, id_token_encrypted_response_enc: enc };
    const config = await confidential(`oc-enc-${alg}-${enc}`, { ...known, jwks: { keys: [key] } }, known);
    oidc.enableDecryptingResponses(config, [enc], { key: privateKey, alg, kid: "for-me" });
    const { tokens, claims } = await wholeSignIn(config);
    assert.equal(claims.iss, ground.issuer);
    assert.ok(tokens.id_token);
  }
});

test("gets signed and encrypted userinfo", async () => {
  const { publicKey, privateKey } = await jose.generateKeyPair("ECDH-ES", { extractable: true });
  const key = { ...(await jose.exportJWK(publicKey)), use: "enc", alg: "ECDH-ES", kid: "for-me" };
  const signed = { userinfo_signed_response_alg: "PS256" };
  const sealed = { ...signed, userinfo_encrypted_response_alg: "ECDH-ES", userinfo_encrypted_response_enc: "A256GCM" };
  for (const [id, known, more] of [["oc-info-jws", signed, {}], ["oc-info-jwe", sealed, { jwks: { keys: [key] } }]]) {
    const config = await confidential(id, { ...known, ...more }, known);
    oidc.enableNonRepudiationChecks(config);
    oidc.enableDecryptingResponses(config, ["A256GCM"], { key: privateKey, alg: "ECDH-ES", kid: "for-me" });
    const { tokens, claims } = await wholeSignIn(config);
    const info = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
    assert.equal(info.preferred_username, "ada");
  }
});

test("gets code and ID token at once, and checks that they belong together", async () => {
  const config = await confidential("oc-hybrid", {
    response_types: ["code id_token"], grant_types: ["authorization_code", "implicit"],
  });
  oidc.useCodeIdTokenResponseType(config);
  const { parameters, checks } = await begin();
  const landed = await land(oidc.buildAuthorizationUrl(config, parameters));
  assert.ok(new URLSearchParams(landed.at.hash.slice(1)).get("id_token"));
  const tokens = await oidc.authorizationCodeGrant(config, landed.at, checks);
  assert.equal(tokens.claims().iss, ground.issuer);
});

test("gets an ID token alone, where it is switched on", async () => {
  const config = await confidential("oc-implicit", { response_types: ["id_token"], grant_types: ["implicit"] });
  oidc.useIdTokenResponseType(config);
  const { parameters, checks } = await begin();
  const { code_challenge, code_challenge_method, ...without } = parameters;
  const landed = await land(oidc.buildAuthorizationUrl(config, without));
  const claims = await oidc.implicitAuthentication(config, landed.at, checks.expectedNonce, { expectedState: checks.expectedState });
  assert.equal(claims.preferred_username, "ada");
});

test("is answered by a form that submits itself", async () => {
  const config = await confidential("oc-form");
  const { parameters, checks } = await begin({ response_mode: "form_post" });
  const landed = await land(oidc.buildAuthorizationUrl(config, parameters));
  const posted = new Request(REDIRECT, { method: "POST", body: landed.body });
  const tokens = await oidc.authorizationCodeGrant(config, posted, checks);
  assert.equal(tokens.claims().iss, ground.issuer);
});

test("is not allowed what it did not register", async () => {
  const config = await confidential("oc-plain");
  for (const response_type of ["id_token", "code id_token", "token", "id_token token"]) {
    const { parameters } = await begin();
    const landed = await land(oidc.buildAuthorizationUrl(config, { ...parameters, response_type }));
    const answer = new URLSearchParams(landed.at.search || landed.at.hash.slice(1));
    assert.match(answer.get("error"), /^(unauthorized_client|unsupported_response_type)$/, response_type);
    assert.equal(answer.get("state"), parameters.state);
  }
});

test("signs out, and comes back", async () => {
  const bye = "http://localhost:49999/bye";
  const config = await confidential("oc-bye", { post_logout_redirect_uris: [bye] });
  const visitor = ground.visitor();
  const { tokens } = await wholeSignIn(config, { visitor });
  const end = oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: bye, state: "good bye & more" });
  const landed = await visitor.follow(end);
  assert.equal(landed.at.origin + landed.at.pathname, bye, landed.html);
  assert.equal(landed.at.searchParams.get("state"), "good bye & more");
  const { parameters } = await begin({ prompt: "none" });
  const silent = await visitor.follow(oidc.buildAuthorizationUrl(config, parameters));
  assert.equal(silent.at.searchParams.get("error"), "login_required");
});

test("signs out only when asked to, where nothing shows who asks", async () => {
  const config = await confidential("oc-bye-asked", { post_logout_redirect_uris: ["http://localhost:49999/bye"] });
  const visitor = ground.visitor();
  await wholeSignIn(config, { visitor });
  const page = await visitor.follow(oidc.buildEndSessionUrl(config, {}));
  assert.match(page.html, /id="logout-confirm"/);
  const { parameters } = await begin({ prompt: "none" });
  const still = await visitor.follow(oidc.buildAuthorizationUrl(config, parameters));
  assert.ok(still.at.searchParams.get("code"));
  await visitor.submit(page, "logout", { press: "logout-confirm" });
  const gone = await visitor.follow(oidc.buildAuthorizationUrl(config, parameters));
  assert.equal(gone.at.searchParams.get("error"), "login_required");
});
