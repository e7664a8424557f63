// A relying party with every way back there is: query, form post, the page after signing out, the frame of the end.

import { RelyingParty } from "../server.mjs";

/** Someone with something to tell in every claim that pages name. */
export const ADA = {
  name: "Augusta Ada King", given_name: "Augusta Ada", family_name: "King", nickname: "Ada", gender: "female",
  birthdate: "1815-12-10", zoneinfo: "Europe/London", locale: "en-GB",
  website: "https://example.com/people/ada-lovelace/notes-on-the-analytical-engine/translator",
  phone_number: "+44 20 7946 0958", phone_number_verified: true,
  address: { formatted: "12 St James's Square\nLondon SW1Y 4LE", country: "United Kingdom" },
};

/** A name of 80 characters with markup, and letters that run the other way. Those that turn a text around are refused. */
export const HOSTILE = `"><b>Bank</b> & <script>alert(1)</script> \u05d1\u05e0\u05e7 (1) 'safe' ${"W".repeat(40)}`.slice(0, 80);

export class Site extends RelyingParty {
  /** What came to `/callback`, newest last: `{ method, query, body, contentType }`. */
  came = [];
  /** Addresses of `/out`, the frame that is told of an end. */
  told = [];
  /** Milliseconds until `/out` answers. */
  slow = 0;
  /** Where `/callback` sends the browser on; none: it shows its page. */
  onward = null;

  /** Waits until it was told of so many ends: the frame's request may arrive after the page went on. */
  async heard(count) {
    while (this.told.length < count) await new Promise((done) => setTimeout(done, 20));
  }

  async answer(request, response) {
    const url = new URL(request.url, this.base);
    const page = (title, body = "") => {
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
      response.end(`<!doctype html><html lang="en"><title>${title}</title><link rel="icon" href="data:,"><h1>${title}</h1>${body}`);
    };
    if (url.pathname === "/callback") {
      const parts = [];
      for await (const part of request) parts.push(part);
      const body = new URLSearchParams(Buffer.concat(parts).toString());
      this.came.push({ method: request.method, query: url.searchParams, body, contentType: request.headers["content-type"] });
      if (this.onward) return response.writeHead(303, { location: this.onward }).end();
      return this.finish(request.method === "POST" ? body : url.searchParams).then(
        (claims) => page("Inside", `<pre id="claims">${JSON.stringify(claims).replaceAll("<", "&lt;")}</pre>`),
        (error) => response.writeHead(500, { "content-type": "text/plain" }).end(String(error)));
    }
    if (url.pathname === "/out") {
      this.told.push(url.searchParams);
      // Nobody waits for it when the tests are over.
      return setTimeout(() => page("Gone"), this.slow).unref();
    }
    if (url.pathname === "/bye") return page("Bye", `<p id="state">${encodeURIComponent(url.searchParams.get("state") ?? "")}</p>`);
    if (url.pathname === "/here") return page("Here");
    if (url.pathname === "/page") return page(this.id, this.html ?? "");
    return super.answer(request, response);
  }
}
