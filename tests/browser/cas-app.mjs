// A phone app made for the QR module of CAS, as a web app: @stomp/stompjs over sockjs-client, which nobody here wrote.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";

import jsQR from "jsqr";
import { PNG } from "pngjs";

import { approval, channelOn } from "../cas.mjs";
import { freePort } from "../server.mjs";

const SCRIPTS = {
  "/stomp.js": readFileSync(new URL("node_modules/@stomp/stompjs/bundles/stomp.umd.min.js", import.meta.url)),
  "/sockjs.js": readFileSync(new URL("node_modules/sockjs-client/dist/sockjs.min.js", import.meta.url)),
};
const PAGE = `<!doctype html><html lang="en"><title>App</title><link rel="icon" href="data:,">
<script src="/sockjs.js"></script><script src="/stomp.js"></script><h1>App</h1>`;

/** The origin that serves the app. Of another site than the issuer: its cookies go nowhere. */
export class AppSite {
  static async start() {
    const site = new AppSite();
    site.origin = `http://127.0.0.1:${await freePort()}`;
    site.http = createServer((request, response) => {
      const script = SCRIPTS[request.url];
      response.writeHead(200, { "content-type": script ? "text/javascript" : "text/html; charset=utf-8" });
      response.end(script ?? PAGE);
    });
    await new Promise((done) => site.http.listen(Number(new URL(site.origin).port), "127.0.0.1", done));
    return site;
  }

  close() {
    this.http.closeAllConnections();
    return new Promise((done) => this.http.close(done));
  }
}

/** The app as a page of the issuer's own origin: what an operator serves beside the issuer, on the same host. */
export async function appOfIssuer(page, issuer) {
  await page.route((url) => url.origin === issuer && ["/its-app", ...Object.keys(SCRIPTS)].includes(url.pathname), (route) => {
    const script = SCRIPTS[new URL(route.request().url()).pathname];
    return route.fulfill({ contentType: script ? "text/javascript" : "text/html; charset=utf-8", body: script ?? PAGE });
  });
  await page.goto(`${issuer}/its-app`);
}

/**
 * The app on a phone: connects over these transports of SockJS, publishes the approval, and goes when the server said
 * that it heard so. Answers the transport that was used.
 */
export async function publish(page, issuer, transports, { channel, device, token }) {
  return page.evaluate(({ address, transports, approval }) => new Promise((done, refused) => {
    let socket;
    let isLeaving = false;
    const client = new StompJs.Client({
      reconnectDelay: 0,
      webSocketFactory: () => (socket = new SockJS(address, null, { transports, timeout: 30_000 })),
      onStompError: (frame) => refused(new Error(frame.headers.message)),
      onWebSocketClose: (event) => isLeaving || refused(new Error(`closed: ${event.code} ${event.reason}`)),
      onConnect: async () => {
        const { transport } = socket;
        client.watchForReceipt("heard", async () => {
          // Sends DISCONNECT with a receipt, and waits for that.
          isLeaving = true;
          await client.deactivate();
          done(transport);
        });
        client.publish({ ...approval, headers: { ...approval.headers, receipt: "heard" } });
      },
    });
    client.activate();
  }), { address: `${issuer}/cas/qr-websocket`, transports, approval: approval(channel, device, token) });
}

/** What the app's camera sees: the channel in the code, read from the pixels of the page. */
export const readChannel = (page) => channelOn(page, { jsQR, PNG });
