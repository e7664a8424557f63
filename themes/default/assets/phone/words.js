// Sentences for scripts. They stand in the page (`dl#words`), in the person's language.

const words = new Map();
for (const name of document.querySelectorAll("#words > dt")) {
  words.set(name.textContent, name.nextElementSibling.textContent);
}

/** The sentence of this name, with values in its {places}. */
export function say(name, values = {}) {
  const sentence = words.get(name) ?? words.get("other") ?? name;
  return sentence.replace(/\{(\w+)\}/g, (place, key) => (key in values ? String(values[key]) : place));
}

const PROBLEMS = {
  temporarily_unavailable: "busy",
  server_error: "other",
  passkey_known: "passkey_exists",
  NotAllowedError: "passkey_failed",
  AbortError: "passkey_failed",
  InvalidStateError: "passkey_exists",
};

/** What went wrong, as a sentence. */
export function problem(error) {
  const word = error?.code && typeof error.code === "string" ? error.code : (error?.name ?? "other");
  const name = PROBLEMS[word] ?? word;
  return words.has(name) ? say(name) : say("other");
}

/** A point in time (seconds since 1970) as people say it, in the page's language. */
export function when(seconds) {
  const date = new Date(seconds * 1000);
  const isToday = new Date().toDateString() === date.toDateString();
  const style = isToday ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
  const { lang } = document.documentElement;
  const locale = navigator.language.startsWith(lang) ? navigator.language : lang;
  return new Intl.DateTimeFormat(locale, style).format(date);
}
