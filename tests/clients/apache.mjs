// Apache with `mod_auth_openidc` or `mod_auth_cas`, of Debian's packages, in a folder and on ports of its own.

import { spawn, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAM = "/usr/sbin/apache2";
const MODULES = "/usr/lib/apache2/modules";
const LOADED = ["mpm_event", "authn_core", "authz_core", "authz_user", "dir", "include", "mime", "socache_shmcb", "ssl"];

/** What signs people in: a module, what every site of it says (`all`), and what protects a folder (`inside`). */
export const OPENID = {
  name: "auth_openidc",
  package: "libapache2-mod-auth-openidc",
  all: ({ folder }, port) => [
    `OIDCRedirectURI https://localhost:${port}/inside/redirect`,
    `OIDCCookie rp_${port}`,
    "OIDCCryptoPassphrase a-passphrase-of-the-tests",
    `OIDCCABundlePath ${folder}/ca.pem`,
    "OIDCHTTPTimeoutLong 20",
    "OIDCInfoHook iat access_token id_token userinfo refresh_token session",
    `OIDCDefaultURL https://localhost:${port}/inside/`,
  ],
  inside: () => ["AuthType openid-connect", "Require valid-user"],
};
export const CAS = {
  name: "auth_cas",
  package: "libapache2-mod-auth-cas",
  all: ({ folder }, port) => {
    // Its sessions, one folder for each site.
    const sessions = join(folder, `sessions-${port}/`);
    mkdirSync(sessions);
    chmodSync(sessions, 0o1777);
    return [`CASCookiePath ${sessions}`, `CASCertificatePath ${folder}/ca.pem`];
  },
  // Cookies know no ports: those of every site have a name of their own.
  inside: (port, who = "valid-user") => [
    "AuthType CAS", `Require ${who}`, `CASSecureCookie cas_${port}`, `CASGatewayCookie asked_${port}`,
    "CASScope /", "CASAuthNHeader CAS-User",
  ],
};

const KNOWN = "<!doctype html><title>Known</title><pre id=\"known\"><!--#printenv --></pre>\n";

export class Apache {
  /**
   * `sites`: name to `{ port, directives }`. All over https with the authority's certificate; `/inside/` is protected.
   * `known.shtml` shows what programs behind Apache are told: in `/inside/`, and in `folders` of the sites.
   */
  static async start(authority, sites, module = OPENID) {
    for (const needed of [PROGRAM, join(MODULES, `mod_${module.name}.so`)]) {
      if (!existsSync(needed)) throw new Error(`${needed} is missing: apt-get install apache2 ${module.package}`);
    }
    const apache = new Apache();
    apache.module = module;
    apache.folder = mkdtempSync(join(tmpdir(), "latchbolt-apache-"));
    // Its workers are another user, where it is started by root.
    chmodSync(apache.folder, 0o755);
    for (const folder of ["logs", "site", "site/inside"]) mkdirSync(join(apache.folder, folder));
    for (const folder of new Set(["inside", ...Object.values(sites).flatMap(({ folders = [] }) => folders)])) {
      mkdirSync(join(apache.folder, "site", folder), { recursive: true });
      writeFileSync(join(apache.folder, "site", folder, "known.shtml"), KNOWN);
    }
    writeFileSync(join(apache.folder, "site/inside/index.html"), "<!doctype html><title>Inside</title><h1 id=\"inside\">Inside Apache</h1>\n");
    writeFileSync(join(apache.folder, "site/index.html"), "<!doctype html><title>Outside</title><h1 id=\"outside\">Outside</h1>\n");
    writeFileSync(join(apache.folder, "types"), "text/html html shtml\n");
    for (const name of ["ca", "cert", "key"]) copyFileSync(authority[name], join(apache.folder, `${name}.pem`));
    apache.key = join(apache.folder, "rp-key.pem");
    apache.public = join(apache.folder, "rp-public.pem");
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", apache.key);
    openssl("pkey", "-in", apache.key, "-pubout", "-out", apache.public);
    writeFileSync(join(apache.folder, "apache.conf"), apache.configuration(sites));
    try {
      await apache.run(authority, Object.values(sites)[0].port);
    } catch (error) {
      await apache.close();
      throw error;
    }
    return apache;
  }

  configuration(sites) {
    const user = process.getuid() === 0 ? ["User www-data", "Group www-data"] : [];
    const hosts = Object.values(sites).map(({ port, directives }) => [
      `Listen 127.0.0.1:${port}`,
      `<VirtualHost 127.0.0.1:${port}>`,
      `ServerName https://localhost:${port}`,
      "SSLEngine on",
      `SSLCertificateFile ${this.folder}/cert.pem`,
      `SSLCertificateKeyFile ${this.folder}/key.pem`,
      ...this.module.all(this, port),
      ...directives(this),
      "<Location /inside/>",
      ...this.module.inside(port),
      "Options +Includes",
      "</Location>",
      "</VirtualHost>",
    ].join("\n"));
    return [
      `ServerRoot ${this.folder}`,
      ...user,
      `PidFile ${this.folder}/apache.pid`,
      `DefaultRuntimeDir ${this.folder}`,
      `ErrorLog ${this.folder}/logs/error.log`,
      `LogLevel warn ${this.module.name}:info`,
      ...[...LOADED, this.module.name].map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`),
      `TypesConfig ${this.folder}/types`,
      "AddOutputFilter INCLUDES .shtml",
      "ServerLimit 1", "StartServers 1", "ThreadsPerChild 16", "MaxRequestWorkers 16", "MinSpareThreads 1", "MaxSpareThreads 16",
      `DocumentRoot ${this.folder}/site`,
      "DirectoryIndex index.html",
      "ServerName localhost",
      ...hosts,
      "",
    ].join("\n");
  }

  async run(authority, port) {
    const log = openSync(join(this.folder, "logs/start.log"), "a");
    this.child = spawn(PROGRAM, ["-d", this.folder, "-f", join(this.folder, "apache.conf"), "-DFOREGROUND"], { stdio: ["ignore", log, log] });
    for (let tries = 0; tries < 400; tries += 1) {
      if (this.child.exitCode !== null) throw new Error(`Apache ended:\n${this.log()}`);
      try {
        if ((await authority.fetch(`https://localhost:${port}/`)).ok) return;
      } catch {
        // Not listening yet.
      }
      await new Promise((done) => setTimeout(done, 25));
    }
    throw new Error(`Apache does not become ready:\n${this.log()}`);
  }

  log() {
    return ["start", "error"].map((name) => join(this.folder, `logs/${name}.log`)).filter(existsSync)
      .map((path) => readFileSync(path, "utf8")).join("\n");
  }

  async close() {
    if (this.child && this.child.exitCode === null) {
      const ended = new Promise((done) => this.child.once("exit", done));
      this.child.kill("SIGTERM");
      const timer = setTimeout(() => this.child.kill("SIGKILL"), 8_000);
      await ended;
      clearTimeout(timer);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function openssl(...args) {
  const run = spawnSync("openssl", args, { encoding: "utf8" });
  if (run.status !== 0) throw new Error(`openssl ${args[0]}: ${run.error ?? run.stderr}`);
}
