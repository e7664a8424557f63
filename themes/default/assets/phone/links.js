// What a code or link holds: `<issuer>/s#1<channel id>` or `<issuer>/phone#e1<token>`, nothing else.

const CHANNEL = /^#1([A-Za-z0-9_-]{22})$/;
const TOKEN = /^#e1([A-Za-z0-9_-]{22,86})$/;

/** {channel} or {token} of a fragment, or null. */
export function readFragment(fragment) {
  const channel = CHANNEL.exec(fragment);
  if (channel) return { channel: channel[1] };
  const token = TOKEN.exec(fragment);
  if (token) return { token: token[1] };
  return null;
}

/**
 * Reads a scanned or pasted text. Answers {channel}, {foreign: host} for a code of another service, or null
 * when it is no sign-in code.
 */
export function readCode(text, issuer) {
  const line = text.trim();
  if (line.length > 300) return null;
  let url;
  try {
    url = new URL(line);
  } catch {
    return null;
  }
  const found = readFragment(url.hash);
  if (!found?.channel || url.search !== "") return null;
  const before = line.slice(0, line.indexOf("#"));
  if (before === issuer + "/s" || before === issuer + "/phone") return found;
  if (url.pathname.endsWith("/s")) return { foreign: url.host };
  return null;
}
