// Ctrl+K: every page, deed, person, phone and app, by a few letters.

import { fresh, h, icon, put } from "./dom.js";
import { can, some } from "./api.js";
import { navigate } from "./router.js";
import { say } from "./ui.js";
import { n, t } from "./words.js";

const SOURCES = [
  ["users.read", "/users", "users", (each) => [each.username, each.name ?? each.email ?? "", `/admin/users/${each.id}`]],
  ["devices.read", "/devices", "devices", (each) => [each.name, each.user?.username ?? "", `/admin/devices/${each.id}`]],
  ["clients.read", "/clients", "clients", (each) => [each.client_name || each.client_id || each.id, each.client_id ?? each.id, `/admin/clients/${encodeURIComponent(each.client_id ?? each.id)}`]],
];

let box = null;

/** `commands`: `[{ label, hint, glyph, run | href }]`. */
export function open(commands) {
  if (box) return;
  const before = document.activeElement;
  const listId = fresh("palette");
  const results = h("ul", { id: listId, role: "listbox", class: "palette-list", "aria-label": t("palette.results") });
  const field = h("input", {
    type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": listId, "aria-autocomplete": "list", "aria-label": t("palette.label"), placeholder: t("palette.label"), autocomplete: "off", spellcheck: "false", autocapitalize: "none", maxlength: 80,
  });
  box = h("dialog", { class: "palette", "aria-label": t("palette.title") }, h("div", { class: "with-icon" }, icon("search"), field), results, h("p", { class: "quiet small palette-help" }, t("palette.help")));
  let found = [];
  let at = 0;
  let asking = null;
  let waiting = null;

  const close = () => box?.close();
  const run = (entry) => {
    close();
    if (entry.run) entry.run();
    else navigate(entry.href);
  };
  const point = (to) => {
    at = Math.max(0, Math.min(found.length - 1, to));
    [...results.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === at)));
    const item = results.children[at];
    if (item) {
      field.setAttribute("aria-activedescendant", item.id);
      item.scrollIntoView({ block: "nearest" });
    } else field.removeAttribute("aria-activedescendant");
  };
  const draw = (entries) => {
    found = entries.slice(0, 30);
    put(results, found.map((entry) => h("li", { role: "option", id: fresh("option"), onclick: () => run(entry) }, icon(entry.glyph ?? "next"), h("span", { class: "palette-what" }, entry.label), h("span", { class: "quiet small" }, entry.hint ?? ""))));
    point(0);
  };
  const search = async () => {
    const text = field.value.trim().toLowerCase();
    const words = text.split(/\s+/).filter(Boolean);
    const own = commands.filter((entry) => words.every((each) => `${entry.label} ${entry.hint ?? ""}`.toLowerCase().includes(each)));
    draw(own);
    asking?.abort();
    clearTimeout(waiting);
    if (text.length < 2) return;
    asking = new AbortController();
    const { signal } = asking;
    waiting = setTimeout(async () => {
      const lists = await Promise.all(SOURCES.filter(([permission]) => can(permission)).map(async ([, path, glyph, entry]) =>
        (await some(path, { q: text, limit: 6 }).catch(() => [])).map(entry).map(([label, hint, href]) => ({ label, hint, href, glyph }))));
      if (signal.aborted) return;
      draw([...own, ...lists.flat()]);
      say(n("palette.found", found.length));
    }, 180);
  };

  field.addEventListener("input", search);
  field.addEventListener("keydown", (event) => {
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 8, PageUp: at - 8, Home: event.ctrlKey ? 0 : null, End: event.ctrlKey ? found.length : null }[event.key];
    if (to !== undefined && to !== null) {
      event.preventDefault();
      point(to);
    } else if (event.key === "Enter" && found[at]) {
      event.preventDefault();
      run(found[at]);
    }
  });
  box.addEventListener("click", (event) => { if (event.target === box) close(); });
  box.addEventListener("close", () => {
    box.remove();
    box = null;
    if (before?.isConnected) before.focus();
  });
  document.body.append(box);
  draw(commands);
  box.showModal();
  field.focus();
}
