// Schemathesis: requests made from the descriptions of our APIs, good ones and broken ones. None may make the server fail.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Ground } from "./ground.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
let ground;

before(async () => {
  ground = await Ground.raise();
});
after(() => ground?.strike());

/** Runs it over one description; answers what it printed. */
async function schemathesis(path, ...more) {
  const program = here(".venv/bin/st");
  if (!existsSync(program)) throw new Error(`${program} is missing: tests/run makes it from requirements.txt`);
  const child = spawn(program, [
    "run", `${ground.issuer}${path}`, "--checks", "not_a_server_error", "--phases", "examples,coverage,fuzzing",
    "--max-examples", "20", "--generation-deterministic", "--no-color", ...more,
  ], { cwd: ground.server.folder, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stdout.on("data", (part) => { said += part; });
  child.stderr.on("data", (part) => { said += part; });
  const code = await new Promise((done) => child.once("close", done));
  assert.equal(code, 0, said);
  return said;
}

test("no request to the phone API makes the server fail", async () => {
  assert.match(await schemathesis("/api/docs/openapi.json"), /0 failed|(\d+) generated, \1 passed/);
});

test("no request of an administrator's program makes the server fail", async () => {
  const described = await (await fetch(`${ground.issuer}/api/admin/v1/openapi.json`)).json();
  const operations = Object.values(described.paths).flatMap((item) => Object.values(item));
  const permissions = new Set(operations.map((operation) => operation["x-permission"]).filter((word) => word?.includes(".")));
  const { key } = ground.server.command([
    "api-key", "create", "everything", "--days", "1", ...[...permissions].flatMap((word) => ["--permission", word]),
  ]);
  // A stream has no end to wait for.
  const said = await schemathesis("/api/admin/v1/openapi.json", "-H", `Authorization: Bearer ${key}`, "--exclude-path-regex", "/live$");
  assert.match(said, /(\d+) generated, \1 passed/);
});
