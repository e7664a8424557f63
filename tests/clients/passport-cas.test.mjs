// The strategy `passport-cas` in an Express application, with Passport and sessions as its description has them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, globalAgent } from "node:https";
import { after, before, test } from "node:test";

import express from "express";
import session from "express-session";
import { Passport } from "passport";
import passportCas from "passport-cas";

import { freePort } from "../server.mjs";
import { Ground } from "./ground.mjs";

/** How each version is asked for: of CAS 2, the strategy says to take that of 3 with another address. */
const WAYS = {
  1: { version: "CAS1.0" },
  2: { version: "CAS3.0", validateURL: "/serviceValidate" },
  3: { version: "CAS3.0" },
};
const closing = [];
const applications = {};
let ground;
let names = 0;

before(async () => {
  ground = await Ground.raise({ secure: true, cas: { enabled: true } });
  ground.server.command(["claim", "create", "roles", "--kind", "text-list"]);
  // The strategy asks with node's own agent.
  globalAgent.options.ca = readFileSync(ground.authority.ca);
  for (const [version, way] of Object.entries(WAYS)) {
    for (const name of [`forum-${version}`, `shop-${version}`]) applications[name] = await application(name, way);
  }
});
after(async () => {
  for (const http of closing) {
    http.closeAllConnections();
    http.close();
  }
  globalAgent.destroy();
  await ground?.strike();
});

/** An application that signs people in at `/login` and shows who is in at `/`. */
async function application(name, way) {
  const port = await freePort();
  const base = `https://localhost:${port}`;
  ground.server.client(name, {
    client_name: `The ${name}`,
    latchbolt_cas: { services: [`${base}/login`], attributes: { mail: "email", Role: "roles", name: "name" }, single_logout: "none" },
  });
  const passport = new Passport();
  const options = { ssoBaseURL: `${ground.issuer}/cas`, serverBaseURL: base, serviceURL: "/login", ...way };
  passport.use(new passportCas.Strategy(options, (profile, done) => done(null, { profile })));
  passport.serializeUser((user, done) => done(null, JSON.stringify(user)));
  passport.deserializeUser((text, done) => done(null, JSON.parse(text)));
  const app = express();
  app.use(session({ name: `session_${port}`, secret: "only of this test", resave: false, saveUninitialized: false, cookie: { secure: true } }));
  app.use(passport.initialize());
  app.use(passport.session());
  app.get("/login", (request, response, next) => passport.authenticate("cas", {
    loginParams: { renew: request.query.renew }, successRedirect: "/",
  })(request, response, next));
  app.get("/", (request, response) => response.status(request.isAuthenticated() ? 200 : 401).json(request.user ?? {}));
  app.use((error, _request, response, _next) => response.status(403).json({ error: error.message }));
  const http = createServer(ground.authority.secure, app);
  await new Promise((done) => http.listen(port, "127.0.0.1", done));
  closing.push(http);
  return { base };
}

function visitor() {
  names += 1;
  const username = `guest${names}`;
  const claims = { name: "Zoë <&> Özil", roles: ["staff", "editor"] };
  const person = { username, password: ground.server.user(username, claims) };
  const one = ground.visitor(...Object.values(applications).map(({ base }) => base));
  one.person = person;
  return one;
}

const inside = async (visitor, { base }) => {
  const answer = await visitor.ask(`${base}/`);
  return { status: answer.status, profile: (await answer.json()).profile };
};

for (const version of Object.keys(WAYS)) {
  test(`signs in with CAS ${version}`, async () => {
    const app = applications[`forum-${version}`];
    const person = visitor();
    assert.equal((await inside(person, app)).status, 401);
    const page = await person.signIn(`${app.base}/login`);
    assert.equal(page.at.href, `${app.base}/`, `${page.status}\n${page.html}`);
    const { status, profile } = await inside(person, app);
    assert.equal(status, 200);
    const { username } = person.person;
    if (version === "1") return assert.equal(profile, username);
    // It writes the names of attributes small.
    const { authenticationdate, ...attributes } = profile.attributes;
    assert.ok(Date.parse(authenticationdate) > Date.now() - 3_600_000, authenticationdate);
    assert.equal(profile.user, username);
    assert.deepEqual(attributes, {
      mail: `${username}@mail.example`, role: ["staff", "editor"], name: "Zoë <&> Özil",
      isfromnewlogin: "true", longtermauthenticationrequesttokenused: "false", credentialtype: "UsernamePasswordCredential",
      authenticationmethod: "UsernamePasswordAuthenticationHandler",
      successfulauthenticationhandlers: "UsernamePasswordAuthenticationHandler",
    });
  });

  test(`takes a ticket of CAS ${version} once, and none of another service`, async () => {
    const [app, other] = [applications[`forum-${version}`], applications[`shop-${version}`]];
    const person = visitor();
    await person.signIn(`${app.base}/login`);
    const ticket = async ({ base }) => {
      const back = await person.ask(`${ground.issuer}/cas/login?service=${encodeURIComponent(`${base}/login`)}`);
      return new URL(back.headers.get("location")).searchParams.get("ticket");
    };
    const thief = visitor();
    const bring = async ({ base }, text) => {
      const answer = await thief.ask(`${base}/login?ticket=${text}`);
      return { status: answer.status, text: await answer.text() };
    };
    const says = (code) => JSON.stringify({ error: version === "1" ? "Authentication failed" : `Authentication failed ${code}` });
    const used = await ticket(app);
    const first = await bring(app, used);
    assert.equal(first.status, 302, first.text);
    assert.deepEqual(await bring(app, used), { status: 403, text: says("INVALID_TICKET") });
    const strayed = await ticket(other);
    assert.deepEqual(await bring(app, strayed), { status: 403, text: says("INVALID_SERVICE") });
    assert.deepEqual(await bring(other, strayed), { status: 403, text: says("INVALID_TICKET") });
    assert.equal((await inside(thief, other)).status, 401);
  });
}

test("signs in to a second application without asking, unless that says renew", async () => {
  const [first, second] = [applications["forum-3"], applications["shop-3"]];
  const person = visitor();
  await person.signIn(`${first.base}/login`);
  const page = await person.follow(`${second.base}/login`);
  assert.equal(page.at.href, `${second.base}/`, `${page.status}\n${page.html}`);
  assert.equal((await inside(person, second)).profile.attributes.isfromnewlogin, "false");
  const again = await person.follow(`${second.base}/login?renew=true`);
  assert.match(again.html, /id="login"/, `${again.at} ${again.status}`);
  const { username, password } = person.person;
  await person.submit(again, "login", { username, password });
  assert.equal((await inside(person, second)).profile.attributes.isfromnewlogin, "true");
});
