// npm `oauth4webapi`, which leaves every step to its caller: the strictest way through, step by step, over https.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import * as oauth from "oauth4webapi";

import { Ground, REDIRECT } from "./ground.mjs";

let ground;
let as;
let options;

before(async () => {
  ground = await Ground.raise({ secure: true, registration: {
    mode: "open", grant_types: ["authorization_code", "implicit"], response_types: ["code", "code id_token"],
  } });
  options = { [oauth.customFetch]: ground.fetch };
  const issuer = new URL(ground.issuer);
  as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options));
});
after(() => ground?.strike());

/** A client that proves itself with a key: the request it makes, the way it authenticates. */
async function keyed(id, alg, metadata) {
  const { publicKey, privateKey } = await oauth.generateKeyPair(alg);
  const key = { ...(await crypto.subtle.exportKey("jwk", publicKey)), kid: `${id}-key`, alg, use: "sig" };
  delete key.key_ops;
  delete key.ext;
  const registered = ground.client(id, {
    token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [key] }, scope: "openid profile email offline_access",
    grant_types: ["authorization_code", "refresh_token"], latchbolt_skip_consent: true, ...metadata,
  });
  const owned = { key: privateKey, kid: key.kid };
  const { client_secret, scope, ...client } = registered;
  assert.equal(client_secret, undefined);
  return { client, owned, authentication: oauth.PrivateKeyJwt(owned), scope };
}

let demanded = 0;

/** Sends what `ask` asks, and once more when a nonce is demanded. */
async function withNonce(ask, read) {
  try {
    return await read(await ask());
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    demanded += 1;
    return read(await ask());
  }
}

async function pushed({ client, owned, authentication }, DPoP, more = {}) {
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const parameters = {
    response_type: "code", client_id: client.client_id, redirect_uri: REDIRECT, state, nonce,
    scope: "openid profile email offline_access", prompt: "consent",
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", ...more,
  };
  const request = await oauth.issueRequestObject(as, client, parameters, owned);
  const ask = () => oauth.pushedAuthorizationRequest(as, client, authentication, { request }, { ...options, DPoP });
  const { request_uri } = await withNonce(ask, (answer) => oauth.processPushedAuthorizationResponse(as, client, answer));
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({ client_id: client.client_id, request_uri });
  return { url, verifier, state, nonce };
}

test("the strictest way: private_key_jwt, a signed and pushed request, DPoP, refresh, introspection, revocation", async () => {
  const kept = await keyed("ow-strict", "PS256", {
    require_pushed_authorization_requests: true, require_signed_request_object: true, dpop_bound_access_tokens: true,
    request_object_signing_alg: "PS256", token_endpoint_auth_signing_alg: "PS256", id_token_signed_response_alg: "PS256",
    introspection_signed_response_alg: "PS256",
  });
  const { client, authentication } = kept;
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
  const { url, verifier, state, nonce } = await pushed(kept, DPoP);
  const landed = await ground.visitor().signIn(url);
  const parameters = oauth.validateAuthResponse(as, client, landed.at, state);
  assert.equal(parameters.get("iss"), ground.issuer);

  const redeem = () => oauth.authorizationCodeGrantRequest(as, client, authentication, parameters, REDIRECT, verifier, { ...options, DPoP });
  let response;
  const tokens = await withNonce(redeem, (answer) => {
    response = answer;
    return oauth.processAuthorizationCodeResponse(as, client, answer, { expectedNonce: nonce, requireIdToken: true });
  });
  await oauth.validateApplicationLevelSignature(as, response, options);
  const claims = oauth.getValidatedIdTokenClaims(tokens);
  assert.equal(claims.aud, client.client_id);
  assert.ok(demanded > 0, "no nonce of the server's was demanded");
  assert.equal(tokens.token_type, "dpop");

  const about = (token) => withNonce(
    () => oauth.userInfoRequest(as, client, token, { ...options, DPoP }),
    (answer) => oauth.processUserInfoResponse(as, client, claims.sub, answer),
  );
  assert.equal((await about(tokens.access_token)).email, "ada@mail.example");

  // The same token as a resource server sees it (RFC 9068, RFC 9449).
  let seen;
  await oauth.protectedResourceRequest(tokens.access_token, "GET", new URL("https://api.example/things"), undefined, undefined, {
    DPoP,
    [oauth.customFetch]: async (asked, { method, headers }) => {
      seen = new Request(asked, { method, headers });
      return new Response();
    },
  });
  const access = await oauth.validateJwtAccessToken(as, seen, ground.issuer, options);
  assert.equal(access.sub, claims.sub);

  const refreshed = await withNonce(
    () => oauth.refreshTokenGrantRequest(as, client, authentication, tokens.refresh_token, { ...options, DPoP }),
    (answer) => oauth.processRefreshTokenResponse(as, client, answer),
  );
  assert.equal((await about(refreshed.access_token)).sub, claims.sub);

  const introspect = async (token) => {
    const answer = await oauth.introspectionRequest(as, client, authentication, token, { ...options, requestJwtResponse: true });
    const found = await oauth.processIntrospectionResponse(as, client, answer);
    await oauth.validateApplicationLevelSignature(as, answer, options);
    return found;
  };
  const found = await introspect(refreshed.access_token);
  assert.equal(found.active, true);
  assert.ok(found.cnf.jkt);
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, authentication, refreshed.refresh_token, options));
  assert.equal((await introspect(refreshed.access_token)).active, false);
});

test("an assertion is good once", async () => {
  const { client, owned } = await keyed("ow-once", "ES256", { grant_types: ["authorization_code", "client_credentials"], scope: "openid things" });
  let jti = crypto.randomUUID();
  const authentication = oauth.PrivateKeyJwt(owned, { [oauth.modifyAssertion](_header, payload) { payload.jti = jti; } });
  const ask = async () => oauth.processClientCredentialsResponse(as, client,
    await oauth.clientCredentialsGrantRequest(as, client, authentication, { scope: "things" }, options));
  assert.equal((await ask()).scope, "things");
  await assert.rejects(ask(), { error: "invalid_client" });
  jti = crypto.randomUUID();
  assert.ok((await ask()).access_token);
});

test("a bearer token says whom it is for, and a resource can be named", async () => {
  const api = "https://api.example/";
  const kept = await keyed("ow-resource", "ES256", { latchbolt_resources: [api] });
  const { client, authentication } = kept;
  const { url, verifier, state, nonce } = await pushed(kept, undefined, { resource: api });
  const parameters = oauth.validateAuthResponse(as, client, (await ground.visitor().signIn(url)).at, state);
  const answer = await oauth.authorizationCodeGrantRequest(as, client, authentication, parameters, REDIRECT, verifier,
    { ...options, additionalParameters: { resource: api } });
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, { expectedNonce: nonce });
  const asked = new Request(`${api}things`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
  const access = await oauth.validateJwtAccessToken(as, asked, api, options);
  assert.equal(access.client_id, "ow-resource");
  await assert.rejects(oauth.validateJwtAccessToken(as, asked, "https://other.example/", options));
});

test("a key that the client publishes is fetched, and so is the one that follows it", async () => {
  const pairs = [await oauth.generateKeyPair("ES256"), await oauth.generateKeyPair("EdDSA")];
  const keys = await Promise.all(pairs.map(async ({ publicKey }, at) => {
    const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
    return { kty, crv, x, y, kid: `key-${at}`, use: "sig" };
  }));
  let shown = keys[0];
  let asked = 0;
  const site = await ground.listen(() => {
    asked += 1;
    return { headers: { "content-type": "application/json", "cache-control": "max-age=3600" }, body: JSON.stringify({ keys: [shown] }) };
  });
  const registered = ground.client("ow-jwks", {
    token_endpoint_auth_method: "private_key_jwt", jwks_uri: `${site}/keys`, scope: "openid things",
    grant_types: ["authorization_code", "client_credentials"],
  });
  const client = { client_id: registered.client_id };
  const ask = async (at) => oauth.processClientCredentialsResponse(as, client, await oauth.clientCredentialsGrantRequest(as, client,
    oauth.PrivateKeyJwt({ key: pairs[at].privateKey, kid: `key-${at}` }), { scope: "things" }, options));
  await ask(0);
  await ask(0);
  assert.equal(asked, 1);
  shown = keys[1];
  assert.equal((await ask(1)).scope, "things");
  await assert.rejects(ask(0), { error: "invalid_client" });
});

test("registers itself with a key, and signs in with code and ID token in a fragment", async () => {
  const { publicKey, privateKey } = await oauth.generateKeyPair("ES256");
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
  const answer = await oauth.dynamicClientRegistrationRequest(as, {
    client_name: "Came by itself", redirect_uris: [REDIRECT.replace("http:", "https:")], token_endpoint_auth_method: "private_key_jwt",
    jwks: { keys: [{ kty, crv, x, y, kid: "mine", use: "sig", alg: "ES256" }] }, id_token_signed_response_alg: "ES256",
    response_types: ["code id_token"], grant_types: ["authorization_code", "implicit"],
  }, options);
  const client = await oauth.processDynamicClientRegistrationResponse(answer);
  assert.ok(client.registration_access_token && client.registration_client_uri);
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({
    response_type: "code id_token", client_id: client.client_id, redirect_uri: client.redirect_uris[0], scope: "openid", state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  });
  const landed = await ground.visitor().signIn(url);
  const parameters = await oauth.validateCodeIdTokenResponse(as, client, landed.at, nonce, state, undefined, options);
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, await oauth.authorizationCodeGrantRequest(
    as, client, oauth.PrivateKeyJwt({ key: privateKey, kid: "mine" }), parameters, client.redirect_uris[0], verifier, options,
  ), { expectedNonce: nonce, requireIdToken: true });
  assert.ok(tokens.id_token);
});
