// A mail server that keeps what it is given: as much of SMTP (RFC 5321) as a client that only sends needs.

import { createServer } from "node:net";

export class Mailbox {
  letters = [];
  waiting = [];

  static async start() {
    const box = new Mailbox();
    box.server = createServer((socket) => box.talk(socket));
    await new Promise((done) => box.server.listen(0, "127.0.0.1", done));
    /** `[mail]` of a server that sends here. */
    box.settings = {
      enabled: true, host: "localhost", port: box.server.address().port, tls: "none", from: "Sign-in <sign-in@id.example>",
    };
    return box;
  }

  talk(socket) {
    const say = (line) => socket.write(`${line}\r\n`);
    let pending = "";
    let letter = null;
    let isText = false;
    socket.setEncoding("utf8");
    socket.on("error", () => {});
    socket.on("data", (piece) => {
      pending += piece;
      for (let end = pending.indexOf("\r\n"); end >= 0; end = pending.indexOf("\r\n")) {
        const line = pending.slice(0, end);
        pending = pending.slice(end + 2);
        if (isText && line === ".") {
          isText = false;
          this.keep(letter);
          say("250 taken");
        } else if (isText) letter.raw += `${line.replace(/^\./, "")}\n`;
        else if (/^EHLO/i.test(line)) say("250-mailbox\r\n250-8BITMIME\r\n250 SMTPUTF8");
        else if (/^MAIL/i.test(line)) {
          letter = { to: "", raw: "" };
          say("250 fine");
        } else if (/^RCPT/i.test(line)) {
          letter.to = /<(.*)>/.exec(line)[1];
          say("250 fine");
        } else if (/^DATA/i.test(line)) {
          isText = true;
          say("354 go on");
        } else if (/^QUIT/i.test(line)) socket.end("221 bye\r\n");
        else say("250 fine");
      }
    });
    say("220 mailbox");
  }

  keep(letter) {
    this.letters.push(letter);
    for (const look of this.waiting.splice(0)) look();
  }

  /** The link in the next mail to this address whose link goes there, once it came. Each mail is read once. */
  async link(to, path) {
    for (;;) {
      for (const letter of this.letters) {
        const link = letter.to === to && linkIn(letter.raw, path);
        if (!link) continue;
        this.letters.splice(this.letters.indexOf(letter), 1);
        return link;
      }
      await new Promise((done) => this.waiting.push(done));
    }
  }

  close() {
    this.server.close();
  }
}

/** The link of a mail's plain words. */
function linkIn(raw, path) {
  for (const part of raw.split(/^--.*$/m)) {
    if (!/text\/plain/i.test(part)) continue;
    const [head, ...rest] = part.trimStart().split("\n\n");
    const body = rest.join("\n\n");
    const text = /quoted-printable/i.test(head)
      ? Buffer.from(body.replace(/=\n/g, "").replace(/=([0-9A-F]{2})/g, (_, code) => String.fromCharCode(parseInt(code, 16))), "latin1").toString()
      : /base64/i.test(head) ? Buffer.from(body, "base64").toString() : body;
    const found = text.split(/\s+/).find((word) => word.startsWith("http") && word.includes(`${path}#`));
    if (found) return found;
  }
  return null;
}
