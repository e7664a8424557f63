// Pieces that pages are made of: messages, dialogs, states, tabs.

import { add, fresh, h, icon, put, s } from "./dom.js";
import { ago, has, t, time, word } from "./words.js";
import { Problem } from "./api.js";

/** Says something to screen readers, without moving anybody. */
export function say(text) {
  const region = document.getElementById("live");
  if (!region) return;
  region.textContent = "";
  setTimeout(() => { region.textContent = text; }, 50);
}

/** What went wrong, as a sentence. */
export function reason(error) {
  if (!(error instanceof Problem)) return t("problem.unknown");
  if (error.status === 0) return t("problem.offline");
  if (error.status === 412) return t("problem.changed");
  if (error.status === 403 && !error.message) return t("problem.forbidden");
  if (error.status === 409 && has(`conflict.${error.field}`)) return t(`conflict.${error.field}`);
  if (error.status === 429) return t("problem.slow_down");
  return error.message;
}

/** So many messages stay at the edge; older ones make room, those with nothing to undo first. */
const MOST_MESSAGES = 3;

/** A message at the edge that goes by itself. `undo`: a deed that takes it back, offered for `seconds`. */
export function toast(text, { kind = "good", undo = null, seconds = undo ? 60 : 8 } = {}) {
  const left = h("span", { class: "toast-left", "aria-hidden": "true" });
  const box = h("div", { class: `toast ${kind}`, role: kind === "bad" ? "alert" : "status" }, h("p", null, text));
  let rest = seconds;
  const close = () => {
    clearInterval(timer);
    box.remove();
  };
  const timer = setInterval(() => {
    // Whoever is on it reads it.
    if (box.matches(":hover, :focus-within") && !undo) return;
    rest -= 1;
    if (undo) left.textContent = `${rest} s`;
    if (rest <= 0) close();
  }, 1000);
  if (undo) {
    add(box, h("button", {
      type: "button", class: "small-button", onclick: async (event) => {
        event.currentTarget.disabled = true;
        clearInterval(timer);
        try {
          await undo();
          box.remove();
          toast(t("frame.undone"));
        } catch (error) {
          box.remove();
          toast(reason(error), { kind: "bad" });
        }
      },
    }, icon("undo"), t("frame.undo")), left);
  }
  add(box, h("button", { type: "button", class: "icon-button", "aria-label": t("frame.close"), onclick: close }, icon("close")));
  const edge = document.getElementById("toasts");
  edge.append(box);
  while (edge.children.length > MOST_MESSAGES) ([...edge.children].slice(0, -1).find((each) => !each.querySelector(".toast-left")) ?? edge.firstChild).remove();
  return close;
}

/** Does something and says what came of it. Answers whether it went well. */
export async function attempt(deed, done) {
  try {
    const outcome = await deed();
    if (done) toast(done);
    return outcome ?? true;
  } catch (error) {
    toast(reason(error), { kind: "bad" });
    return false;
  }
}

/** A button that does something slow once at a time. */
export function doing(label, deed, { kind = "", glyph = null, describe = null } = {}) {
  const button = h("button", { type: "button", class: kind, "aria-label": describe && `${label}: ${describe}` }, glyph && icon(glyph), label);
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    try {
      await deed(button);
    } catch (error) {
      toast(reason(error), { kind: "bad" });
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
  return button;
}

/** Opens a dialog; `body(close)` makes what is in it. Resolves with what `close` was given, or `null`. */
export function dialog(title, body, { wide = false } = {}) {
  return new Promise((resolve) => {
    const heading = fresh("dialog");
    const before = document.activeElement;
    let outcome = null;
    const box = h("dialog", { class: wide ? "dialog wide-dialog" : "dialog", "aria-labelledby": heading });
    const close = (value = null) => {
      outcome = value;
      box.close();
    };
    add(box, h("div", { class: "dialog-head" }, h("h2", { id: heading, tabindex: "-1" }, title),
      h("button", { type: "button", class: "icon-button", "aria-label": t("frame.close"), onclick: () => close() }, icon("close"))), body(close));
    box.addEventListener("close", () => {
      box.remove();
      if (before?.isConnected) before.focus();
      resolve(outcome);
    });
    document.body.append(box);
    box.showModal();
    (box.querySelector("[autofocus]") ?? box.querySelector("input:not([type=hidden]), select, textarea") ?? box.querySelector("h2")).focus();
  });
}

/** Asks before a deed. Resolves with `true`, or with the reason where one is asked. */
export function ask({ title, lead, go, danger = false, withReason = false, required = false }) {
  return dialog(title, (close) => {
    const id = fresh("reason");
    const field = withReason && h("div", { class: "field" }, h("label", { for: id }, t("frame.reason")),
      h("input", { id, type: "text", maxlength: 200, autocomplete: "off", required }));
    return h("form", {
      class: "stack", method: "post", novalidate: !required, onsubmit: (event) => {
        event.preventDefault();
        close(field ? { reason: field.querySelector("input").value.trim() } : true);
      },
    }, [lead].flat().filter(Boolean).map((text) => (text instanceof Node ? text : h("p", null, text))), field, h("div", { class: "row end" },
      h("button", { type: "button", onclick: () => close() }, t("frame.cancel")),
      h("button", { type: "submit", class: danger ? "danger filled" : "primary" }, go)));
  });
}

/** Shows something that has to be fetched first; says so, and what went wrong, with a way to try again. */
export async function shown(root, fetching) {
  const waiting = setTimeout(() => put(root, h("p", { class: "quiet waiting", role: "status" }, h("span", { class: "spin", "aria-hidden": "true" }), t("frame.loading"))), 150);
  try {
    const content = await fetching();
    clearTimeout(waiting);
    if (content !== undefined) put(root, content);
    return true;
  } catch (error) {
    clearTimeout(waiting);
    if (error.name === "AbortError") return false;
    put(root, failed(error, () => shown(root, fetching)));
    return false;
  }
}

/** What could not be shown, and why. */
export function failed(error, again) {
  if (!(error instanceof Problem)) console.error(error);
  const isGone = error.status === 404;
  return h("div", { class: "card empty", role: "alert" }, h("h2", null, isGone ? t("problem.not_found") : t("problem.title")),
    h("p", null, isGone ? t("problem.not_found_lead") : reason(error)),
    error.reference && h("p", { class: "quiet small" }, t("problem.reference", { id: error.reference })),
    again && !isGone && h("p", null, h("button", { type: "button", onclick: again }, t("problem.again"))));
}

/** A short word of state with its colour. */
const TONES = {
  active: "good", approved: "good", done: "good", completed: "good", finished: "good", sent: "good", current: "good", enabled: "good", verified: "good",
  create: "good", change: "good", delivered: "good",
  pending: "warn", suspended: "warn", ready: "warn", running: "warn", undoable: "warn", open: "warn", begun: "warn", waiting: "warn", locked: "warn", conflict: "bad",
  lost: "bad", stolen: "bad", revoked: "bad", disabled: "bad", failed: "bad", rejected: "bad", refused: "bad", denied: "bad", expired: "", cancelled: "", ended: "",
};
export const badge = (state) => h("span", { class: `badge ${TONES[state] ?? ""}` }, word("state", state));

/** A time, with how long ago in words. */
export const when = (text) => (text ? h("time", { datetime: text, title: time(text) }, ago(text)) : h("span", { class: "quiet" }, "–"));

/** Names and values. What has no value is left out. */
export function facts(rows) {
  return h("dl", { class: "facts" }, rows.filter((row) => row && row[1] !== null && row[1] !== undefined && row[1] !== "")
    .map(([name, value]) => [h("dt", null, name), h("dd", null, value)]));
}

/** A text to copy with its button. */
export function copyable(text, label = t("frame.copy")) {
  return h("div", { class: "copyable" }, h("code", { tabindex: "0" }, text), copier(text, label));
}

export function copier(text, label = t("frame.copy")) {
  return h("button", {
    type: "button", class: "icon-button", "aria-label": label, title: label, onclick: async () => {
      try {
        await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
        toast(t("frame.copied"), { seconds: 3 });
      } catch {
        toast(t("frame.not_copied"), { kind: "bad" });
      }
    },
  }, icon("copy"));
}

/** A surface with a heading. */
export function card(title, ...content) {
  return h("section", { class: "card" }, title && h("h2", null, title), content);
}

/** Nothing is there, and what to do about it. */
export function empty(text, action = null) {
  return h("div", { class: "empty" }, h("p", { class: "quiet" }, text), action);
}

/** Tabs whose choice is in the address (`?tab=`). `all`: `[[word, label, show(panel)], …]`. */
export function tabs(all, label) {
  const chosen = new URLSearchParams(location.search).get("tab");
  const panel = h("div", { role: "tabpanel", tabindex: "0", class: "tab-panel stack", id: fresh("panel") });
  const list = h("div", { role: "tablist", class: "tabs", "aria-label": label });
  const open = (word, { focus = false } = {}) => {
    const tab = all.find(([other]) => other === word) ?? all[0];
    for (const button of list.children) {
      const is = button.dataset.tab === tab[0];
      button.setAttribute("aria-selected", String(is));
      button.tabIndex = is ? 0 : -1;
      if (is) {
        panel.setAttribute("aria-labelledby", button.id);
        if (focus) button.focus();
      }
    }
    const url = new URL(location.href);
    if (tab === all[0]) url.searchParams.delete("tab");
    else url.searchParams.set("tab", tab[0]);
    history.replaceState(history.state, "", url);
    const place = h("div", { class: "stack" });
    put(panel, place);
    shown(place, () => tab[2](place));
  };
  for (const [word, name] of all) {
    list.append(h("button", { type: "button", role: "tab", id: fresh("tab"), "data-tab": word, "aria-controls": panel.id, onclick: () => open(word) }, name));
  }
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = all.findIndex(([word]) => word === document.activeElement?.dataset.tab);
    const to = step ? (at + step + all.length) % all.length : event.key === "Home" ? 0 : event.key === "End" ? all.length - 1 : -1;
    if (to < 0 || at < 0) return;
    event.preventDefault();
    open(all[to][0], { focus: true });
  });
  open(chosen);
  return h("div", { class: "stack" }, list, panel);
}

/** Our own QR code as the server draws it: its size and its one path are taken over, nothing else. */
export function qr(svg, label) {
  const box = /viewBox="([0-9 .-]+)"/.exec(svg)?.[1] ?? "0 0 33 33";
  const paths = [...svg.matchAll(/<path[^>]*\bd="([MmHhVvLlZz0-9 ,.-]+)"/g)].map((found) => found[1]);
  return h("div", { class: "qr-card" }, s("svg", { viewBox: box, role: "img", "aria-label": label, "shape-rendering": "crispEdges" },
    paths.map((d) => s("path", { d, fill: "#000" }))));
}

/** Hands the browser a file. */
export function save(name, type, content) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
