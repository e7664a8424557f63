// The program under test, started for scripts: its own folder, port, users and relying parties.

import { spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
export const program = process.env.LATCHBOLT_BIN ?? join(root, "target/debug/latchbolt");
const b64 = (bytes) => Buffer.from(bytes).toString("base64url");

export async function freePort() {
  const socket = createSocket();
  await new Promise((done) => socket.listen(0, "127.0.0.1", done));
  const { port } = socket.address();
  await new Promise((done) => socket.close(done));
  return port;
}

export class Server {
  /** `authority`: serve over https with its certificate; whoever asks has to trust it (see clients/authority.mjs). */
  static async start(settings = {}, authority = null) {
    const server = new Server();
    server.fetch = authority?.fetch ?? fetch;
    server.folder = mkdtempSync(join(tmpdir(), "latchbolt-"));
    server.port = await freePort();
    server.issuer = `${authority ? "https" : "http"}://localhost:${server.port}`;
    server.config = join(server.folder, "latchbolt.toml");
    const sections = {
      issuer: { url: server.issuer },
      server: { listen: [`127.0.0.1:${server.port}`], stop_seconds: 1 },
      database: { url: `sqlite:${join(server.folder, "latchbolt.db")}` },
      limits: { off: true },
      ...(authority ? { tls: { cert_file: authority.cert, key_file: authority.key } } : {}),
      ...settings,
    };
    const lines = Object.entries(sections).map(([name, keys]) =>
      [`[${name}]`, ...Object.entries(keys).map(([key, value]) => `${key} = ${JSON.stringify(value)}`)].join("\n"));
    writeFileSync(server.config, `${lines.join("\n\n")}\n`);
    try {
      await server.run();
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  async run() {
    const log = openSync(join(this.folder, "server.log"), "a");
    this.child = spawn(program, ["serve", "--config", this.config], { stdio: ["ignore", log, log] });
    for (let tries = 0; tries < 400; tries += 1) {
      if (this.child.exitCode !== null) throw new Error(`the server ended:\n${this.log()}`);
      try {
        if ((await this.fetch(`${this.issuer}/readyz`)).ok) return;
      } catch {
        // Not listening yet.
      }
      await new Promise((done) => setTimeout(done, 25));
    }
    throw new Error(`the server does not become ready:\n${this.log()}`);
  }

  log() {
    return readFileSync(join(this.folder, "server.log"), "utf8");
  }

  async stop() {
    if (!this.child || this.child.exitCode !== null) return;
    const ended = new Promise((done) => this.child.once("exit", done));
    this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 8_000);
    await ended;
    clearTimeout(timer);
  }

  async close() {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  command(args, input = "") {
    const run = spawnSync(program, [...args, "--config", this.config, "--json"], { input, encoding: "utf8", cwd: this.folder });
    if (run.status !== 0) throw new Error(`${args.join(" ")}: ${run.stderr}${run.stdout}`);
    return run.stdout ? JSON.parse(run.stdout) : null;
  }

  /** Answers the password. `claims`: what else is known of the person. */
  user(name, claims = null) {
    const password = `${name} keeps a long secret 7`;
    const more = [];
    if (claims) {
      more.push("--claims", join(this.folder, `${name}-claims.json`));
      writeFileSync(more[1], JSON.stringify(claims));
    }
    this.command(["user", "create", name, "--email", `${name}@mail.example`, ...more, "--password-stdin"], `${password}\n`);
    return password;
  }

  client(id, metadata) {
    const file = join(this.folder, `${id}.json`);
    writeFileSync(file, JSON.stringify(metadata));
    return this.command(["client", "create", "--file", file, "--client-id", id]);
  }
}

/** A relying party of a few lines: `/start` sends the browser away, `/callback` shows the claims. */
export class RelyingParty {
  /** `more`: further metadata, or what makes it of the site's address. */
  static async start(server, id, more = {}) {
    const party = new this();
    party.server = server;
    party.id = id;
    party.port = await freePort();
    party.base = `http://localhost:${party.port}`;
    party.client = server.client(id, {
      client_name: `The ${id}`,
      redirect_uris: [`${party.base}/callback`],
      scope: "openid profile email",
      latchbolt_skip_consent: true,
      ...(typeof more === "function" ? more(party.base) : more),
    });
    party.pending = new Map();
    party.http = createServer((request, response) => party.answer(request, response));
    await new Promise((done) => party.http.listen(party.port, "127.0.0.1", done));
    return party;
  }

  async answer(request, response) {
    const url = new URL(request.url, this.base);
    try {
      if (url.pathname === "/start") {
        response.writeHead(303, { location: this.begin(Object.fromEntries(url.searchParams)) }).end();
      } else if (url.pathname === "/callback") {
        const claims = await this.finish(url.searchParams);
        response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
        response.end(`<!doctype html><title>${this.id}</title><h1 id="inside">Inside ${this.id}</h1><pre id="claims">${
          JSON.stringify(claims).replaceAll("<", "&lt;")}</pre>`);
      } else {
        response.writeHead(404).end();
      }
    } catch (error) {
      response.writeHead(500, { "content-type": "text/plain" }).end(String(error));
    }
  }

  begin(more) {
    const [state, nonce, verifier] = [b64(randomBytes(16)), b64(randomBytes(16)), b64(randomBytes(32))];
    this.pending.set(state, { nonce, verifier });
    const query = new URLSearchParams({
      response_type: "code", client_id: this.id, redirect_uri: `${this.base}/callback`, scope: "openid profile email",
      state, nonce, code_challenge: b64(createHash("sha256").update(verifier).digest()), code_challenge_method: "S256",
      ...more,
    });
    return `${this.server.issuer}/authorize?${query}`;
  }

  async finish(query) {
    const pending = this.pending.get(query.get("state"));
    if (!pending) throw new Error("unknown state");
    if (query.get("iss") !== this.server.issuer) throw new Error("another issuer");
    if (query.get("error")) return { error: query.get("error") };
    this.pending.delete(query.get("state"));
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const secret = this.client.client_secret;
    if (secret) headers.authorization = `Basic ${Buffer.from(`${this.id}:${secret}`).toString("base64")}`;
    const answer = await fetch(`${this.server.issuer}/token`, {
      method: "POST",
      headers,
      body: new URLSearchParams({
        grant_type: "authorization_code", code: query.get("code"), redirect_uri: `${this.base}/callback`,
        code_verifier: pending.verifier, ...(secret ? {} : { client_id: this.id }),
      }),
    });
    const tokens = await answer.json();
    if (!answer.ok) throw new Error(JSON.stringify(tokens));
    this.tokens = tokens;
    const claims = JSON.parse(Buffer.from(tokens.id_token.split(".")[1], "base64url"));
    if (claims.nonce !== pending.nonce) throw new Error("another nonce");
    return claims;
  }

  close() {
    this.http.closeAllConnections();
    return new Promise((done) => this.http.close(done));
  }
}
