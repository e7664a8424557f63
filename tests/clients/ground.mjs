// What the tests of foreign clients stand on: the program, a person and what receives its calls.

import { createServer as createSecure } from "node:https";

import { freePort, Server } from "../server.mjs";
import { Authority } from "./authority.mjs";
import { Visitor } from "./visitor.mjs";

/** Nobody listens here: a sign-in ends when the browser would go there. */
export const REDIRECT = "http://localhost:49999/callback";

export class Ground {
  /** `secure`: over https with an authority of its own, which the program trusts for its own calls too. */
  static async raise({ secure = false, ...settings } = {}) {
    const ground = new Ground();
    ground.closing = [];
    if (secure) {
      ground.authority = Authority.make();
      settings.outbound = { extra_ca: ground.authority.ca, allow: ["127.0.0.0/8", "::1/128"], ...settings.outbound };
    }
    try {
      ground.server = await Server.start(settings, ground.authority);
      ground.issuer = ground.server.issuer;
      ground.fetch = ground.authority?.fetch ?? fetch;
      // At the first start of all, RSA keys take a moment to be found.
      await until("a key of every algorithm", async () => {
        const { keys } = await (await ground.fetch(`${ground.issuer}/jwks`)).json();
        return ["ES256", "RS256", "PS256", "EdDSA", "RSA-OAEP-256", "ECDH-ES"].every((alg) => keys.some((key) => key.alg === alg));
      }, 30);
      ground.person = { username: "ada", password: ground.server.user("ada") };
    } catch (error) {
      await ground.strike();
      throw error;
    }
    return ground;
  }

  client(id, metadata) {
    return this.server.client(id, { client_name: `Foreign ${id}`, redirect_uris: [REDIRECT], ...metadata });
  }

  visitor(...homes) {
    return new Visitor({ homes: [this.issuer, ...homes], fetch: this.fetch, person: this.person });
  }

  /** A server over https that answers with `answer(request, body)`: `{ status, headers, body }`. */
  async listen(answer) {
    const port = await freePort();
    const http = createSecure(this.authority.secure, (request, response) => {
      const parts = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", async () => {
        const { status = 200, headers = {}, body = "" } = await answer(request, Buffer.concat(parts).toString());
        response.writeHead(status, headers).end(body);
      });
    });
    await new Promise((done) => http.listen(port, "127.0.0.1", done));
    this.closing.push(() => new Promise((done) => {
      http.closeAllConnections();
      http.close(done);
    }));
    return `https://localhost:${port}`;
  }

  async strike() {
    for (const close of this.closing) await close();
    await this.server?.close();
    this.authority?.close();
  }
}

/** Waits until `look` finds something. */
export async function until(what, look, seconds = 10) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
