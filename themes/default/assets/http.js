// Requests of the page's scripts to its own server: anti-forgery token, JSON, and what went wrong.

/** A refusal: `status` 0 means that the server could not be reached. */
export class Refused extends Error {
  constructor(status, code, retryAfter) {
    super(code);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

function token() {
  return document.querySelector("input[name=csrf]")?.value ?? "";
}

// After a sign-in in another tab this browser has another secret; the server says the new token with its answers.
function keepToken(answer) {
  const fresh = answer.headers.get("x-csrf-token");
  if (!fresh) return false;
  let changed = false;
  for (const field of document.querySelectorAll("input[name=csrf]")) {
    changed ||= field.value !== fresh;
    field.value = fresh;
  }
  return changed;
}

async function send(path, options) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", redirect: "error", cache: "no-store", ...options });
  } catch {
    throw new Refused(0, "offline", 0);
  }
  const isNew = keepToken(answer);
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  const refused = new Refused(answer.status, body.code ?? "refused", Number(answer.headers.get("retry-after")) || 0);
  refused.canRepeat = isNew && body.code === "stale_form";
  refused.body = body;
  throw refused;
}

/** GET, answered with JSON. */
export function get(path) {
  return send(path, { headers: { accept: "application/json" } });
}

/** POST of a form's fields. */
export function post(path, fields) {
  return repeatOnce(() => send(path, {
    method: "POST",
    headers: { accept: "application/json", "x-csrf-token": token() },
    body: new URLSearchParams(fields),
  }));
}

/** POST of JSON. */
export function postJson(path, value) {
  return repeatOnce(() => send(path, {
    method: "POST",
    headers: { accept: "application/json", "content-type": "application/json", "x-csrf-token": token() },
    body: JSON.stringify(value),
  }));
}

async function repeatOnce(request) {
  try {
    return await request();
  } catch (refused) {
    if (refused.canRepeat) return request();
    throw refused;
  }
}
