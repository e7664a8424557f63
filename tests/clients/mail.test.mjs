// Mail to a server of the world: encrypted, with a certificate that is checked, with a password, down and back.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { freePort, Server } from "../server.mjs";
import { Authority } from "./authority.mjs";
import { until } from "./ground.mjs";
import { Visitor } from "./visitor.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const ADA = "ada@mail.example";
let authority;
let stranger;

before(() => {
  authority = Authority.make();
  stranger = Authority.make();
});
after(() => {
  authority?.close();
  stranger?.close();
});

class Post {
  mails = [];

  static async start(mode, { port, password, of = authority } = {}) {
    const python = here(".venv/bin/python");
    if (!existsSync(python)) throw new Error(`${python} is missing: tests/run makes it from requirements.txt`);
    const post = new Post();
    post.port = port ?? await freePort();
    const asked = { mode, port: post.port, cert: of.cert, key: of.key, password };
    post.child = spawn(python, ["-I", here("mail_server.py"), JSON.stringify(asked)], { stdio: ["ignore", "pipe", "pipe"] });
    let complaint = "";
    post.child.stderr.on("data", (part) => { complaint += part; });
    const ready = new Promise((done, fail) => {
      createInterface({ input: post.child.stdout }).on("line", (line) => {
        const words = JSON.parse(line);
        if (words.ready) done();
        else post.mails.push(words);
      });
      post.child.once("exit", () => fail(new Error(`the mail server ended: ${complaint}`)));
    });
    ready.catch(() => {});
    await ready;
    return post;
  }

  async close() {
    const ended = new Promise((done) => this.child.once("exit", done));
    this.child.kill("SIGKILL");
    await ended;
  }
}

/** The program with its mail going to `post`, and Ada, whose address is confirmed, signed in in a new browser. */
async function scene(post, mail, more = {}) {
  const server = await Server.start({
    mail: { enabled: true, host: "localhost", port: post.port, from: "Sign-in <sign-in@id.example>", timeout_seconds: 2, ...mail },
    outbound: { extra_ca: authority.ca },
    ...more,
  });
  const password = server.user("ada", { email_verified: true });
  const visitor = new Visitor({ homes: [server.issuer], person: { username: "ada", password } });
  const page = await visitor.signIn(`${server.issuer}/login`);
  assert.equal(page.status, 200);
  return { server, visitor };
}

for (const mode of ["starttls", "required"]) {
  test(`a mail goes out by ${mode} with a certificate of our own authority and a password`, async () => {
    const post = await Post.start(mode, { password: "open sesame" });
    const { server } = await scene(post, { tls: mode, username: "post", password: "open sesame" });
    try {
      await until("a mail", () => post.mails.length > 0, 20);
      const [mail] = post.mails;
      assert.deepEqual([mail.to, mail.from, mail.tls, mail.login], [[ADA], "sign-in@id.example", true, "post"]);
      assert.match(mail.raw, /^Message-ID: <ntc_[a-z2-7]{26}@id\.example>\r?$/m);
      assert.match(mail.raw, /^Subject: .*New sign-in to your account\r?$/m);
      assert.match(mail.raw, /multipart\/alternative/);
      assert.ok(!server.log().includes("open sesame") && !server.log().includes(ADA));
    } finally {
      await server.close();
      await post.close();
    }
  });
}

test("a wrong password is said in the log, and the mail waits", async () => {
  const post = await Post.start("starttls", { password: "open sesame" });
  const { server } = await scene(post, { tls: "starttls", username: "post", password: "wrong" });
  try {
    await until("a failure", () => /A mail was not sent.*535/.test(server.log()), 20);
    assert.equal(post.mails.length, 0);
    assert.ok(!server.log().includes("\"is_last\":true") && !/is_last=true/.test(server.log()));
  } finally {
    await server.close();
    await post.close();
  }
});

test("a certificate of a stranger, and a server without TLS, get no mail", async () => {
  const posts = [await Post.start("starttls", { of: stranger }), await Post.start("none")];
  const whats = [/no trusted connection|invalid peer certificate|UnknownIssuer/, /A mail was not sent/];
  for (const [at, post] of posts.entries()) {
    const { server } = await scene(post, { tls: "starttls" });
    try {
      await until("a failure", () => /A mail was not sent/.test(server.log()), 20);
      assert.match(server.log(), whats[at]);
      assert.equal(post.mails.length, 0);
    } finally {
      await server.close();
      await post.close();
    }
  }
});

test("a server that was down gets what waited, once it is back, also after a kill", async () => {
  const port = await freePort();
  const { server } = await scene({ port }, { tls: "starttls" });
  let post;
  try {
    await until("a failure", () => /A mail was not sent/.test(server.log()), 20);
    server.child.kill("SIGKILL");
    await until("the end", () => server.child.signalCode !== null);
    post = await Post.start("starttls", { port });
    await server.run();
    await until("a mail", () => post.mails.length > 0, 40);
    await new Promise((done) => setTimeout(done, 3_000));
    assert.equal(post.mails.length, 1);
  } finally {
    await server.close();
    await post?.close();
  }
});
