// What the console says: sentences of the chosen language, numbers, times.

let words = {};
let language = "en";

/** The languages there are. */
export const LANGUAGES = [["en", "English"], ["de", "Deutsch"]];
const KEPT = "latchbolt-console-language";

export const lang = () => language;

/** Loads the sentences: the language that was chosen here, else that of the page. */
export async function load() {
  const chosen = localStorage.getItem(KEPT);
  language = LANGUAGES.some(([word]) => word === chosen) ? chosen : document.documentElement.lang;
  const answer = await fetch(`/admin/texts/${language}.json`, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`no sentences: ${answer.status}`);
  words = await answer.json();
  document.documentElement.lang = language;
}

export function choose(word) {
  localStorage.setItem(KEPT, word);
  location.reload();
}

/** Whether there is such a sentence: for words that the server may add to. */
export function has(name) {
  const [section, word] = name.split(".");
  return words[section]?.[word] !== undefined;
}

/** The sentence with this name and values in its {places}. */
export function t(name, values = {}) {
  const [section, word] = name.split(".");
  const sentence = words[section]?.[word] ?? name;
  return sentence.replace(/\{(\w+)\}/g, (place, key) => (key in values ? values[key] : place));
}

/** A sentence about a number: `name_one` or `name_other`, with the number at {n}. */
export function n(name, count, values = {}) {
  const form = new Intl.PluralRules(language).select(count) === "one" ? "one" : "other";
  return t(`${name}_${form}`, { n: number(count), ...values });
}

/** What the server calls by a word: our sentence for it, else the word itself, readable. */
export function word(section, key) {
  if (key === null || key === undefined || key === "") return "–";
  const name = `${section}.${String(key).replace(/[.\- ]/g, "_").toLowerCase()}`;
  return has(name) ? t(name) : String(key).replaceAll("_", " ");
}

export const number = (value) => new Intl.NumberFormat(language).format(value);
export const percent = (value) => new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(value);

/** Milliseconds as people say them. */
export function duration(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return "–";
  const [value, unit] = milliseconds < 1000 ? [milliseconds, "millisecond"]
    : milliseconds < 120_000 ? [milliseconds / 1000, "second"]
    : milliseconds < 7_200_000 ? [milliseconds / 60_000, "minute"]
    : milliseconds < 172_800_000 ? [milliseconds / 3_600_000, "hour"] : [milliseconds / 86_400_000, "day"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
}

/** A day and a time of day; a dash where there is none. */
export function time(text) {
  const at = text ? new Date(text) : null;
  if (!at || Number.isNaN(at.getTime())) return "–";
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(at);
}

const STEPS = [[60, "second", 1], [3600, "minute", 60], [86_400, "hour", 3600], [2_592_000, "day", 86_400], [31_536_000, "month", 2_592_000], [Infinity, "year", 31_536_000]];

/** How long ago, or in how long. */
export function ago(text) {
  const at = text ? new Date(text) : null;
  if (!at || Number.isNaN(at.getTime())) return "–";
  const seconds = (at.getTime() - Date.now()) / 1000;
  const [, unit, size] = STEPS.find(([limit]) => Math.abs(seconds) < limit);
  return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(Math.round(seconds / size), unit);
}

/** A word of a command line, quoted where a shell would take it apart. */
export const quoted = (text) => (/^[\w.@:/+-]+$/.test(text ?? "") ? text : `'${String(text ?? "").replaceAll("'", "'\\''")}'`);
