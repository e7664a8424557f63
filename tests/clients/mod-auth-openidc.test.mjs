// Apache's `mod_auth_openidc`, as Debian packages it, in front of a page that only signed-in people see.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { chromium } from "playwright-core";

import { freePort } from "../server.mjs";
import { Apache } from "./apache.mjs";
import { Ground, until } from "./ground.mjs";

let ground;
let apache;
let browser;
let names = 0;
const sites = {};

/** A site of Apache's and the client that it is. */
async function site(name, metadata, directives) {
  const base = `https://localhost:${await freePort()}`;
  const redirect = `${base}/inside/redirect`;
  const client = ground.client(`apache-${name}`, {
    redirect_uris: [redirect], scope: "openid profile email", latchbolt_skip_consent: true,
    post_logout_redirect_uris: [`${base}/`], ...metadata(redirect),
  });
  sites[name] = {
    base, redirect, port: new URL(base).port,
    directives: (server) => [
      `OIDCProviderMetadataURL ${ground.issuer}/.well-known/openid-configuration`,
      `OIDCClientID ${client.client_id}`,
      ...(client.client_secret ? [`OIDCClientSecret ${client.client_secret}`] : []),
      'OIDCScope "openid profile email"',
      ...directives(server),
    ],
  };
}

before(async () => {
  ground = await Ground.raise({ secure: true });
  await site("code", (redirect) => ({
    backchannel_logout_uri: `${redirect}?logout=backchannel`, backchannel_logout_session_required: true,
  }), () => ["OIDCResponseType code", "OIDCPKCEMethod S256", "OIDCProviderTokenEndpointAuth client_secret_basic"]);
  await site("form", () => ({
    response_types: ["code id_token"], grant_types: ["authorization_code", "implicit"],
    token_endpoint_auth_method: "client_secret_post", id_token_signed_response_alg: "RS256",
  }), () => ['OIDCResponseType "code id_token"', "OIDCResponseMode form_post", "OIDCProviderTokenEndpointAuth client_secret_post"]);
  await site("fragment", (redirect) => ({
    response_types: ["code id_token", "code id_token token"], grant_types: ["authorization_code", "implicit"],
    frontchannel_logout_uri: `${redirect}?logout=get`, frontchannel_logout_session_required: true,
    id_token_signed_response_alg: "PS256",
  }), () => ['OIDCResponseType "code id_token token"', "OIDCProviderTokenEndpointAuth client_secret_basic"]);
  await site("key", (redirect) => ({
    token_endpoint_auth_method: "private_key_jwt", token_endpoint_auth_signing_alg: "RS256", jwks_uri: `${redirect}?jwks=rsa`,
    id_token_signed_response_alg: "RS256", request_object_signing_alg: "RS256",
    userinfo_signed_response_alg: "RS256",
    backchannel_logout_uri: `${redirect}?logout=backchannel`, backchannel_logout_session_required: true,
  }), (server) => [
    `OIDCPrivateKeyFiles rp#${server.key}`, `OIDCPublicKeyFiles rp#${server.public}`,
    "OIDCResponseType code", "OIDCPKCEMethod S256", "OIDCProviderTokenEndpointAuth private_key_jwt",
    "OIDCUserInfoSignedResponseAlg RS256",
    `OIDCRequestObject ${quoted({
      copy_from_request: ["response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method"],
      static: { iss: "apache-key", aud: ground.issuer },
      crypto: { sign_alg: "RS256" }, request_object_type: "request",
    })}`,
  ]);
  apache = await Apache.start(ground.authority, sites);
});

after(async () => {
  await browser?.close();
  await apache?.close();
  await ground?.strike();
});

const quoted = (value) => `"${JSON.stringify(value).replaceAll('"', '\\"')}"`;

/** A person of their own, so that nobody else's sign-out is theirs. */
function visitor() {
  names += 1;
  const username = `guest${names}`;
  const person = { username, password: ground.server.user(username) };
  const one = ground.visitor(...Object.values(sites).map(({ base }) => base));
  one.person = person;
  return one;
}

/** Goes inside, and returns what the module knows about the person. */
async function enter(visitor, { base, redirect }) {
  const page = await visitor.signIn(`${base}/inside/`);
  assert.match(page.html, /Inside Apache/, `${page.at} ${page.status}\n${page.html}\n${apache.log()}`);
  const info = await visitor.follow(`${redirect}?info=json`);
  return JSON.parse(info.html);
}

/** Whether Apache lets in without asking anyone. */
async function isInside(visitor, { base }) {
  return (await visitor.ask(`${base}/inside/`)).status === 200;
}

/** Ends the session at the provider, by its own page. */
async function signOutThere(visitor) {
  const page = await visitor.follow(`${ground.issuer}/logout`);
  return visitor.submit(page, "logout", { press: "logout-confirm" });
}

test("signs in with a code", async () => {
  const person = visitor();
  const known = await enter(person, sites.code);
  assert.equal(known.id_token.iss, ground.issuer);
  assert.equal(known.userinfo.email, `${person.person.username}@mail.example`);
});

test("signs in with code and ID token by form post", async () => {
  const person = visitor();
  const known = await enter(person, sites.form);
  assert.equal(known.id_token.aud, "apache-form");
  assert.equal(known.userinfo.preferred_username, person.person.username);
});

test("signs in with a key that it publishes, a signed request and signed userinfo", async () => {
  const person = visitor();
  const known = await enter(person, sites.key);
  assert.equal(known.id_token.aud, "apache-key");
  assert.equal(known.userinfo.email, `${person.person.username}@mail.example`);
});

test("is told by back channel when a session ends, at all sites the person is inside", async () => {
  const person = visitor();
  const other = visitor();
  for (const name of ["code", "key"]) {
    await enter(person, sites[name]);
    await enter(other, sites[name]);
    assert.ok(await isInside(person, sites[name]));
  }
  await signOutThere(person);
  for (const name of ["code", "key"]) {
    await until(`the end of the session at ${name}\n${apache.log()}`, async () => !(await isInside(person, sites[name])));
    assert.ok(await isInside(other, sites[name]), "another person was signed out");
  }
});

test("signs out at the provider, and comes back", async () => {
  const person = visitor();
  await enter(person, sites.code);
  await enter(person, sites.key);
  const page = await person.follow(`${sites.code.redirect}?logout=${encodeURIComponent(`${sites.code.base}/`)}`);
  assert.match(page.html, /id="outside"/, `${page.at} ${page.status}\n${page.html}`);
  assert.ok(!(await isInside(person, sites.code)));
  await until("the end of the session elsewhere", async () => !(await isInside(person, sites.key)));
  const again = await person.follow(`${sites.code.base}/inside/`);
  assert.match(again.html, /id="login"/);
});

test("in Chromium: everything in the fragment, and the end by front channel", async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"],
  });
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: "en-GB" });
  const page = await context.newPage();
  const { person } = visitor();
  await page.goto(`${sites.fragment.base}/inside/`);
  await page.locator("form#login input[name=username]").fill(person.username);
  await page.locator("form#login input[name=password]").fill(person.password);
  await page.locator("button#login-submit").click();
  await page.locator("#inside").waitFor();
  const info = await (await context.request.get(`${sites.fragment.redirect}?info=json`)).json();
  assert.equal(info.id_token.aud, "apache-fragment");
  assert.equal(info.userinfo.preferred_username, person.username);

  await page.goto(`${ground.issuer}/logout`);
  await page.locator("button#logout-confirm").click();
  await until("the end of the session by front channel", async () => {
    const answer = await context.request.get(`${sites.fragment.base}/inside/`, { maxRedirects: 0 });
    return answer.status() === 302;
  });
});
