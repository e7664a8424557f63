// What a code or link holds: `<issuer>/s#1<channel id>`, `<issuer>/phone#e1<token>` or `<issuer>/phone#m1<offer>`,
// nothing else.

const CHANNEL = /^#1([A-Za-z0-9_-]{22})$/;
const OFFER = /^#m1([A-Za-z0-9_-]{22})$/;
const TOKEN = /^#e1([A-Za-z0-9_-]{22,86})$/;

/** {channel}, {token} or {offer} of a fragment, or null. */
export function readFragment(fragment) {
  const channel = CHANNEL.exec(fragment);
  if (channel) return { channel: channel[1] };
  const offer = OFFER.exec(fragment);
  if (offer) return { offer: offer[1] };
  const token = TOKEN.exec(fragment);
  if (token) return { token: token[1] };
  return null;
}

/**
 * Reads a scanned or pasted text. Answers {channel}, {offer} of a new phone, {foreign: host} for a code of another
 * service, or null when it is none of these.
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
  if (!(found?.channel || found?.offer) || url.search !== "") return null;
  const before = line.slice(0, line.indexOf("#"));
  if (before === issuer + "/phone" || (found.channel && before === issuer + "/s")) return found;
  if (url.pathname.endsWith(found.channel ? "/s" : "/phone")) return { foreign: url.host };
  return null;
}
