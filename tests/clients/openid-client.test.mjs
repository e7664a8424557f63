// npm `openid-client`, a certified relying party that we did not write, signs in by driving the forms over HTTP.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import * as oidc from "openid-client";

import { Server } from "../server.mjs";

let server;
let password;
const redirect = "http://localhost:49999/callback";

before(async () => {
  server = await Server.start();
  password = server.user("ada");
});
after(() => server?.close());

/** A browser of a few lines: cookies, redirects within the issuer, the sign-in form. */
class Visitor {
  jar = new Map();

  async ask(url, options = {}) {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(url, { redirect: "manual", ...options, headers: { cookie, ...options.headers } });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value === "" || /max-age=0/i.test(line)) this.jar.delete(name);
      else this.jar.set(name, value);
    }
    return answer;
  }

  /** Goes on until a page of the issuer or another origin. */
  async follow(url, options) {
    let at = new URL(url);
    let answer = await this.ask(at, options);
    while (answer.status >= 300 && answer.status < 400) {
      at = new URL(answer.headers.get("location"), at);
      if (at.origin !== new URL(server.issuer).origin) return { at, html: "" };
      answer = await this.ask(at);
    }
    return { at, html: await answer.text(), status: answer.status };
  }

  async submit(page, id, values) {
    const form = new RegExp(`<form[^>]*id="${id}"[^>]*>([\\s\\S]*?)</form>`).exec(page.html);
    assert.ok(form, `no form#${id} at ${page.at}: ${page.html}`);
    const action = /action="([^"]*)"/.exec(form[0])?.[1] ?? "";
    const body = new URLSearchParams();
    for (const [tag] of form[1].matchAll(/<(?:input|button)[^>]*>/g)) {
      const attribute = (name) => new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1];
      const isPressed = tag.startsWith("<button") && attribute("id") === values.press;
      if (attribute("name") && (isPressed || tag.startsWith("<input"))) body.set(attribute("name"), attribute("value") ?? "");
    }
    for (const [name, value] of Object.entries(values)) if (name !== "press") body.set(name, value);
    return this.follow(new URL(action.replaceAll("&amp;", "&"), page.at), {
      method: "POST", body, headers: { origin: server.issuer, "sec-fetch-site": "same-origin" },
    });
  }

  async signIn(url) {
    const page = await this.follow(url);
    return page.html ? this.submit(page, "login", { username: "ada", password }) : page;
  }
}

async function discover(registered, metadata, authentication) {
  return oidc.discovery(new URL(server.issuer), registered.client_id, metadata, authentication, {
    execute: [oidc.allowInsecureRequests],
  });
}

async function wholeSignIn(config, visitor, more = {}) {
  const verifier = oidc.randomPKCECodeVerifier();
  const [state, nonce] = [oidc.randomState(), oidc.randomNonce()];
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirect, scope: "openid profile email", state, nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", ...more,
  });
  let landed = await visitor.signIn(url);
  if (landed.html.includes("consent-allow")) landed = await visitor.submit(landed, "consent", { press: "consent-allow" });
  assert.equal(landed.at.origin + landed.at.pathname, redirect, landed.html);
  const tokens = await oidc.authorizationCodeGrant(config, landed.at, {
    pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true,
    ...(more.max_age ? { maxAge: Number(more.max_age) } : {}),
  });
  return { tokens, claims: tokens.claims() };
}

const kinds = {
  client_secret_basic: (secret) => oidc.ClientSecretBasic(secret),
  client_secret_post: (secret) => oidc.ClientSecretPost(secret),
  none: () => oidc.None(),
};

for (const [method, authentication] of Object.entries(kinds)) {
  for (const alg of ["ES256", "RS256"]) {
    test(`signs in with ${method} and ${alg}`, async () => {
      const registered = server.client(`oc-${method}-${alg}`, {
        client_name: `Foreign ${method}`, redirect_uris: [redirect], token_endpoint_auth_method: method,
        id_token_signed_response_alg: alg, scope: "openid profile email",
      });
      const metadata = { client_secret: registered.client_secret, id_token_signed_response_alg: alg };
      const config = await discover(registered, metadata, authentication(registered.client_secret));
      const { tokens, claims } = await wholeSignIn(config, new Visitor());
      assert.equal(claims.iss, server.issuer);
      assert.equal(claims.acr, "urn:latchbolt:acr:password");
      const info = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
      assert.equal(info.preferred_username, "ada");
      assert.equal(info.email, "ada@mail.example");
    });
  }
}

test("max_age and prompt are understood alike", async () => {
  const registered = server.client("oc-age", {
    redirect_uris: [redirect], scope: "openid profile email", latchbolt_skip_consent: true,
  });
  const config = await discover(registered, { client_secret: registered.client_secret }, oidc.ClientSecretBasic(registered.client_secret));
  const visitor = new Visitor();
  const first = await wholeSignIn(config, visitor, { max_age: "600" });
  assert.ok(first.claims.auth_time > 0);
  const silent = await wholeSignIn(config, visitor, { prompt: "none" });
  assert.equal(silent.claims.sub, first.claims.sub);
  await new Promise((done) => setTimeout(done, 1_100));
  const again = await wholeSignIn(config, visitor, { prompt: "login" });
  assert.ok(again.claims.auth_time > first.claims.auth_time);
});

test("a code used twice is an error the client understands", async () => {
  const registered = server.client("oc-twice", { redirect_uris: [redirect], scope: "openid", latchbolt_skip_consent: true });
  const config = await discover(registered, { client_secret: registered.client_secret }, oidc.ClientSecretBasic(registered.client_secret));
  const verifier = oidc.randomPKCECodeVerifier();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirect, scope: "openid", code_challenge_method: "S256",
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
  });
  const landed = await new Visitor().signIn(url);
  const checks = { pkceCodeVerifier: verifier };
  const tokens = await oidc.authorizationCodeGrant(config, landed.at, checks);
  await assert.rejects(oidc.authorizationCodeGrant(config, landed.at, checks), { error: "invalid_grant" });
  await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, oidc.skipSubjectCheck), { code: "OAUTH_WWW_AUTHENTICATE_CHALLENGE" });
});

test("errors come back to the client with the issuer", async () => {
  const registered = server.client("oc-error", { redirect_uris: [redirect], scope: "openid" });
  const config = await discover(registered, { client_secret: registered.client_secret }, oidc.ClientSecretBasic(registered.client_secret));
  const verifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirect, scope: "openid", prompt: "none", state, code_challenge_method: "S256",
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
  });
  const landed = await new Visitor().follow(url);
  const grant = oidc.authorizationCodeGrant(config, landed.at, { pkceCodeVerifier: verifier, expectedState: state });
  await assert.rejects(grant, { error: "login_required" });
});
