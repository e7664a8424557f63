// The admin API, which is all that the console uses.

const BASE = "/api/admin/v1";

/** A refusal (RFC 9457). `status` 0: the server could not be reached. */
export class Problem extends Error {
  constructor(status, body = {}) {
    super(body.detail || body.title || body.code || `HTTP ${status}`);
    this.status = status;
    this.code = body.code ?? (status === 0 ? "offline" : "refused");
    this.field = body.field ?? null;
    this.row = body.row ?? null;
    this.currentVersion = body.current_version ?? null;
    this.reference = body.id ?? null;
  }
}

/** The address of a path with its query; what is empty is left out. */
export function address(path, query = {}) {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") parts.append(name, value);
  }
  const text = parts.toString();
  return `${BASE}${path}${text ? `?${text}` : ""}`;
}

/**
 * One request. `body`: JSON, or text with its `type`. `version`: the entity tag that the change is made against. `key`: names a
 * creation, so that a repeat makes nothing twice. Answers `{ data, version }`.
 */
export async function call(method, path, { query, body, type, version, key, signal, isRepeated = false, isProven = false } = {}) {
  const headers = { accept: "application/json" };
  if (method !== "GET") headers["lb-csrf"] = (await me()).csrf;
  if (body !== undefined) headers["content-type"] = type ?? "application/json";
  if (version) headers["if-match"] = version;
  if (key) headers["idempotency-key"] = key;
  let answer;
  try {
    answer = await fetch(address(path, query), {
      method, headers, signal, credentials: "same-origin", cache: "no-store", redirect: "error",
      body: body === undefined ? undefined : type ? body : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0);
  }
  const text = await answer.text();
  let data = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    data = text;
  }
  if (answer.ok) return { data, version: answer.headers.get("etag") };
  const problem = new Problem(answer.status, data && typeof data === "object" ? data : {});
  // Another tab signed in: this browser has another secret, and with it another token. Asked once more with that.
  if (problem.code === "stale_form" && !isRepeated) {
    self = null;
    return call(method, path, { query, body, type, version, key, signal, isRepeated: true, isProven });
  }
  const wantsProof = problem.code === "step_up_needed";
  if (wantsProof && prover && !isProven) {
    if (await proven()) return call(method, path, { query, body, type, version, key, signal, isProven: true });
    throw problem;
  }
  if (problem.status === 401 || wantsProof) dispatchEvent(new CustomEvent("console:signed-out"));
  throw problem;
}

export const get = async (path, query, signal) => (await call("GET", path, { query, signal })).data;
export const post = async (path, body = {}) => (await call("POST", path, { body })).data;
/** Makes something; asked twice with the same key it is made once. */
export const make = async (path, body, key = crypto.randomUUID()) => (await call("POST", path, { body, key })).data;
export const remove = async (path, version) => (await call("DELETE", path, { version })).data;

/** Up to this many of a list, page after page. */
export async function all(path, query = {}, most = 1000) {
  const items = [];
  let cursor = "";
  do {
    const page = await get(path, { ...query, limit: 200, cursor });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor && items.length < most);
  return items;
}

/** What one page of a choice offers; nothing where the caller may not look. */
export async function some(path, query = {}) {
  try {
    return (await get(path, query)).items;
  } catch (problem) {
    if (problem instanceof Problem && [403, 404].includes(problem.status)) return [];
    throw problem;
  }
}

let prover = null;
let proving = null;
/** Who asks for a passkey when a deed wants a fresh proof; answers whether it was given. */
export const proveWith = (asking) => { prover = asking; };

/** One question at a time, for however many deeds wait. Afterwards this browser has another secret. */
function proven() {
  proving ??= prover().then(async (isGiven) => {
    if (isGiven) self = await get("/me");
    return isGiven;
  }).finally(() => { proving = null; });
  return proving;
}

let self = null;
/** Who asks, and what they may. */
export async function me() {
  self ??= await get("/me");
  return self;
}

/** The caller, once known: before any page is shown. */
export const caller = () => self;

/** Whether the caller may do this. Only hides what would be refused: the API decides. */
export const can = (permission) => !permission || (self?.permissions ?? []).includes(permission);
