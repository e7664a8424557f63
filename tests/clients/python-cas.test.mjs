// Python's `python-cas`, as web applications use it; a script of ours only tells it what to do.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Ground, until } from "./ground.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const VERSIONS = [1, 2, 3];
let ground;
let site;
/** What the services' site was told: `logoutRequest` messages, and proxy-granting tickets by their receipts. */
const messages = [];
const granting = new Map();
let names = 0;

before(async () => {
  ground = await Ground.raise({ secure: true, cas: { enabled: true } });
  ground.server.command(["claim", "create", "roles", "--kind", "text-list"]);
  site = await ground.listen((request, body) => {
    const { pathname, searchParams } = new URL(request.url, site);
    if (request.method === "POST") messages.push(new URLSearchParams(body).get("logoutRequest"));
    if (pathname.endsWith("/callback") && searchParams.has("pgtIou")) {
      granting.set(searchParams.get("pgtIou"), searchParams.get("pgtId"));
    }
    return { body: "the site" };
  });
  const service = (id, more) => ground.server.client(id, {
    client_name: `The ${id}`, latchbolt_cas: { services: [`${site}/${id}/**`], ...more },
  });
  const attributes = { mail: "email", name: "name", role: "roles" };
  service("shop", { attributes });
  service("portal", { proxy_callbacks: [`${site}/portal/callback`], single_logout: "none" });
  service("mail", { attributes, proxy_callbacks: [`${site}/mail/callback`], single_logout: "none" });
  service("archive", { single_logout: "none" });
});
after(() => ground?.strike());

/** Someone with claims, and their browser; it does not open the pages of the services. */
function visitor() {
  names += 1;
  const username = `guest${names}`;
  const claims = { name: "Zoë <&> Özil", roles: ["staff", "editor"] };
  const person = { username, password: ground.server.user(username, claims) };
  const one = ground.visitor();
  one.person = person;
  return one;
}

/** Runs the script to its end; the person goes where it sends them. */
async function library(scenario, visitor, asked) {
  const python = here(".venv/bin/python");
  if (!existsSync(python)) throw new Error(`${python} is missing: tests/run makes it from requirements.txt`);
  const child = spawn(python, ["-I", here("python_cas_client.py")], {
    stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, REQUESTS_CA_BUNDLE: ground.authority.ca },
  });
  const ended = new Promise((done) => child.once("close", done));
  let complaint = "";
  child.stderr.on("data", (part) => { complaint += part; });
  const say = (words) => child.stdin.write(`${JSON.stringify(words)}\n`);
  say({ scenario, server: `${ground.issuer}/cas/`, ...asked });
  let done;
  for await (const line of createInterface({ input: child.stdout })) {
    const words = JSON.parse(line);
    if (words.go) {
      const landed = await visitor.signIn(words.go);
      say({ landed: landed.at.href.split("#")[0] });
    } else if (words.receipt) {
      say({ granting: granting.get(words.receipt) });
    } else {
      done = words.done;
    }
  }
  assert.equal(await ended, 0, complaint);
  return done;
}

/** The message about this ticket, once it has come. */
const messageOf = (ticket) => until("the message", () => messages.find((text) => text.includes(`>${ticket}<`)), 30);

for (const version of VERSIONS) {
  test(`signs in with CAS ${version}, once for each ticket, and out`, async () => {
    const person = visitor();
    // A query of its own stays as it is.
    const service = `${site}/shop/in?next=%2Fa%20b&lang=de`;
    const home = `${site}/shop/`;
    const known = await library("sign_in", person, { version, service, home });
    assert.equal(known.user, person.person.username);
    if (version > 1) {
      const { authenticationDate, ...told } = known.attributes;
      assert.ok(Math.abs(Date.parse(authenticationDate) - Date.now()) < 3_600_000, authenticationDate);
      assert.deepEqual(told, {
        mail: `${person.person.username}@mail.example`, name: "Zoë <&> Özil", role: ["staff", "editor"],
        isFromNewLogin: "true", longTermAuthenticationRequestTokenUsed: "false",
        credentialType: "UsernamePasswordCredential", authenticationMethod: "UsernamePasswordAuthenticationHandler",
        successfulAuthenticationHandlers: "UsernamePasswordAuthenticationHandler",
      });
    } else {
      assert.equal(known.attributes, null);
    }
    const left = await person.follow(known.leave.onward, { headers: { referer: home, "sec-fetch-site": "same-site" } });
    if (version === 3) {
      assert.equal(left.at.href, home);
    } else {
      // Protocol 2 has a link in place of the way back.
      assert.equal(left.status, 200);
      assert.ok(left.html.includes(`href="${home}"`), left.html);
    }
    const again = await person.follow(`${ground.issuer}/cas/login?service=${encodeURIComponent(service)}`);
    assert.match(again.html, /id="login"/, "still signed in");

    const message = await messageOf(known.ticket);
    assert.ok(message.includes(`>${person.person.username}</saml:NameID>`), message);
    const read = await library("told", person, { version: 3, service, message, ticket: known.ticket });
    assert.deepEqual(read, { found: [known.ticket], own: true, other: false });
  });
}

test("signs out without a way back", async () => {
  const person = visitor();
  const asked = { version: 3, service: `${site}/shop/in?a=1`, home: `${site}/shop/` };
  const known = await library("sign_in", person, asked);
  const left = await person.follow(known.leave.plain, { headers: { referer: `${site}/shop/`, "sec-fetch-site": "same-site" } });
  assert.equal(left.at.href, `${ground.issuer}/cas/logout`);
  assert.equal(left.status, 200);
  await messageOf(known.ticket);
});

for (const version of [2, 3]) {
  test(`hands a sign-in on by proxy with CAS ${version}, over two steps, until the session ends`, async () => {
    const person = visitor();
    const asked = {
      version, service: `${site}/portal/`, callback: `${site}/portal/callback`, mail: `${site}/mail/inbox?box=1`,
      mail_callback: `${site}/mail/callback`, archive: `${site}/archive/`,
    };
    const known = await library("proxy", person, asked);
    assert.equal(known.user, person.person.username);
    assert.deepEqual(known.attributes.role, ["staff", "editor"]);
    const chain = [...known.chain.matchAll(/<cas:proxy>([^<]*)<\/cas:proxy>/g)].map(([, proxy]) => proxy);
    assert.deepEqual(chain, [asked.mail_callback, asked.callback]);

    const ask = () => ground.fetch(`${ground.issuer}/cas/proxy?${new URLSearchParams({ pgt: known.granting, targetService: asked.mail })}`);
    assert.match(await (await ask()).text(), /<cas:proxyTicket>PT-/);
    await person.follow(`${ground.issuer}/cas/logout`, { headers: { "sec-fetch-site": "none" } });
    assert.match(await (await ask()).text(), /proxyFailure code="INVALID_TICKET"/);
  });
}

test("sec_130 a proxy callback that is not registered is not called, and its ticket is gone", async () => {
  const before = granting.size;
  for (const callback of [`${site}/elsewhere/callback`, `${site.replace("https:", "http:")}/portal/callback`]) {
    await library("refused_callback", visitor(), { version: 3, service: `${site}/portal/`, callback });
  }
  assert.equal(granting.size, before);
});
