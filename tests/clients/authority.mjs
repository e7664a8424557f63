// A certification authority of the tests' own, made anew for each of them, and requests that trust it.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Its root certificate (`ca`), and one certificate for this machine (`cert`, `key`): paths of PEM files. */
export class Authority {
  static make() {
    const authority = new Authority();
    authority.folder = mkdtempSync(join(tmpdir(), "latchbolt-ca-"));
    for (const name of ["ca", "cert", "key"]) authority[name] = join(authority.folder, `${name}.pem`);
    const rootKey = join(authority.folder, "root-key.pem");
    const asked = join(authority.folder, "asked.pem");
    const names = join(authority.folder, "names.cnf");
    const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    writeFileSync(names, "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:false\n");
    openssl("req", "-x509", ...ec, "-keyout", rootKey, "-out", authority.ca, "-days", "2", "-subj", "/CN=Latchbolt tests",
      "-addext", "basicConstraints=critical,CA:true", "-addext", "keyUsage=critical,keyCertSign");
    openssl("req", ...ec, "-keyout", authority.key, "-out", asked, "-subj", "/CN=localhost");
    openssl("x509", "-req", "-in", asked, "-CA", authority.ca, "-CAkey", rootKey, "-CAcreateserial", "-days", "2",
      "-extfile", names, "-out", authority.cert);
    authority.agent = new Agent({ ca: readFileSync(authority.ca), keepAlive: false });
    return authority;
  }

  /** `fetch`, that trusts this authority and follows no redirect. */
  get fetch() {
    return (url, options = {}) => (new URL(url).protocol === "https:"
      ? fetchSecurely(this.agent, new URL(url), options)
      : fetch(url, { redirect: "manual", ...options }));
  }

  /** What `node:https` servers are made with. */
  get secure() {
    return { key: readFileSync(this.key), cert: readFileSync(this.cert) };
  }

  close() {
    this.agent.destroy();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function openssl(...args) {
  const run = spawnSync("openssl", args, { encoding: "utf8" });
  if (run.status !== 0) throw new Error(`openssl ${args[0]}: ${run.error ?? run.stderr}`);
}

async function fetchSecurely(agent, url, { method = "GET", headers, body, signal }) {
  const asked = new Request(url, { method, headers, body });
  const content = Buffer.from(await asked.arrayBuffer());
  const sent = Object.fromEntries(asked.headers);
  if (content.length > 0 || method === "POST") sent["content-length"] = content.length;
  for (const [name, value] of new Headers(headers)) sent[name] = value;
  return new Promise((resolve, reject) => {
    const going = request(url, { agent, method, headers: sent, signal }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () => {
        const got = new Headers();
        for (let at = 0; at < answer.rawHeaders.length; at += 2) got.append(answer.rawHeaders[at], answer.rawHeaders[at + 1]);
        const hasBody = ![204, 205, 304].includes(answer.statusCode);
        resolve(new Response(hasBody ? Buffer.concat(parts) : null, { status: answer.statusCode, headers: got }));
      });
    });
    going.on("error", reject);
    going.end(content);
  });
}
