// The console's frame: who is here, where one can go, and the page in the middle.

import { add, fresh, h, icon, put } from "./dom.js";
import { Problem, can, me, proveWith } from "./api.js";
import { open as openPalette } from "./palette.js";
import { prove } from "./proof.js";
import { navigate, start } from "./router.js";
import { copier, dialog, failed, say } from "./ui.js";
import { LANGUAGES, choose, lang, load, t, word } from "./words.js";

/** Sections: word, group, permissions of which one is enough, module. */
const SECTIONS = [
  ["overview", "home", ["statistics.read"], () => import("./pages/overview.js")],
  ["users", "people", ["users.read"], () => import("./pages/users.js"), () => import("./pages/user.js")],
  ["groups", "people", ["groups.read"], () => import("./pages/groups.js"), () => import("./pages/group.js")],
  ["claims", "people", ["claims.read"], () => import("./pages/claims.js")],
  ["recoveries", "people", ["recoveries.read"], () => import("./pages/recoveries.js")],
  ["devices", "phones", ["devices.read"], () => import("./pages/devices.js"), () => import("./pages/device.js")],
  ["approvals", "phones", ["devices.read"], () => import("./pages/approvals.js")],
  ["enrolments", "phones", ["enrolments.read"], () => import("./pages/enrolments.js")],
  ["imports", "phones", ["jobs.write"], () => import("./pages/imports.js")],
  ["clients", "apps", ["clients.read"], () => import("./pages/clients.js"), () => import("./pages/client.js")],
  ["sessions", "apps", ["sessions.read"], () => import("./pages/sessions.js")],
  ["consents", "apps", ["consents.read"], () => import("./pages/consents.js")],
  ["audit", "running", ["audit.read"], () => import("./pages/audit.js")],
  ["policies", "running", ["policy.read"], () => import("./pages/policies.js")],
  ["keys", "running", ["keys.read"], () => import("./pages/keys.js")],
  ["api-keys", "running", ["api_keys.read"], () => import("./pages/api-keys.js")],
  ["jobs", "running", ["jobs.read"], () => import("./pages/jobs.js"), () => import("./pages/job.js")],
  ["notices", "running", ["policy.read"], () => import("./pages/notices.js")],
];

const page = document.getElementById("page");
const body = document.body;
let asking = null;
let leave = null;

const path = (section) => (section === "overview" ? "/admin" : `/admin/${section}`);
const allowed = () => SECTIONS.filter(([, , permissions]) => permissions.some(can));

function commands() {
  const pages = allowed().map(([section]) => ({ label: t(`nav.${section}`), hint: t("palette.page"), glyph: section, href: path(section) }));
  const deeds = [
    ["users.write", "users", t("users.new"), "/admin/users?new=1"],
    ["enrolments.write", "enrolments", t("enrolments.new"), "/admin/enrolments?new=1"],
    ["clients.write", "clients", t("clients.new"), "/admin/clients/new"],
    ["groups.write", "groups", t("groups.new"), "/admin/groups?new=1"],
    ["api_keys.write", "api-keys", t("api_keys.new"), "/admin/api-keys?new=1"],
  ].filter(([permission, section]) => can(permission) && allowed().some(([name]) => name === section))
    .map(([, section, label, href]) => ({ label, hint: t("palette.deed"), glyph: section, href }));
  const languages = LANGUAGES.filter(([each]) => each !== lang()).map(([each, name]) => ({ label: name, hint: t("frame.language"), glyph: "next", run: () => choose(each) }));
  return [...pages, ...deeds, ...languages, { label: t("frame.sign_out"), hint: t("palette.deed"), glyph: "out", run: () => location.assign("/logout") }];
}

function frame(self) {
  const menu = h("button", { type: "button", class: "icon-button menu-button", "aria-expanded": "false", "aria-controls": "menu", "aria-label": t("frame.menu") }, icon("menu"));
  const toggle = (open) => {
    body.classList.toggle("menu-open", open);
    menu.setAttribute("aria-expanded", String(open));
  };
  menu.addEventListener("click", () => toggle(!body.classList.contains("menu-open")));
  const language = fresh("language");
  const select = h("select", { id: language, onchange: (event) => choose(event.currentTarget.value) }, LANGUAGES.map(([each, name]) => h("option", { value: each, lang: each }, name)));
  select.value = lang();
  const groups = [...new Set(allowed().map(([, group]) => group))];
  const nav = h("nav", { id: "menu", class: "side", "aria-label": t("frame.navigation") },
    groups.map((group) => h("div", { class: "side-group" }, h("h2", { class: group === "home" ? "hear" : "" }, t(`nav.group_${group}`)), h("ul", null, allowed().filter(([, other]) => other === group).map(([section]) =>
      h("li", null, h("a", { href: path(section), "data-section": section }, icon(section), t(`nav.${section}`))))))),
    h("div", { class: "side-foot" }, h("p", { class: "small" }, h("strong", null, self.name ?? ""), h("span", { class: "quiet" }, (self.roles ?? []).map((role) => word("role", role)).join(", "))),
      h("div", { class: "field" }, h("label", { for: language, class: "small" }, t("frame.language")), select),
      h("a", { class: "button", href: "/logout" }, icon("out"), t("frame.sign_out"))));
  const shortcut = /Mac|iP(hone|ad)/.test(navigator.platform) ? "⌘K" : "Ctrl K";
  const header = h("header", { class: "head" }, menu, h("a", { class: "brand", href: "/admin" }, h("span", { class: "brand-name" }, body.dataset.provider), h("span", { class: "quiet" }, t("frame.title"))),
    h("button", { type: "button", class: "find", "aria-keyshortcuts": "Control+K", onclick: () => openPalette(commands()) }, icon("search"), h("span", null, t("palette.open")), h("kbd", { "aria-hidden": "true" }, shortcut)));
  body.querySelector(".skip").after(header, nav);
  add(body, h("div", { id: "toasts", class: "toasts", role: "region", "aria-label": t("frame.messages") }), h("div", { id: "live", class: "hear", role: "status", "aria-live": "polite" }));
  nav.addEventListener("click", (event) => { if (event.target.closest("a")) toggle(false); });
  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette(commands());
    } else if (event.key === "Escape" && body.classList.contains("menu-open")) {
      toggle(false);
      menu.focus();
    } else if (event.key === "/" && !event.target.closest?.("input, textarea, select, dialog")) {
      const search = page.querySelector("[data-search]");
      if (search) {
        event.preventDefault();
        search.focus();
      }
    }
  });
}

/** The command line that does the same as this page. */
function commandLine(text) {
  const old = page.querySelector(".cli");
  const line = h("p", { class: "cli" }, h("span", { class: "quiet small" }, t("frame.command_line")), h("code", null, text), copier(text, t("frame.copy_command")));
  if (old) old.replaceWith(line);
  else page.append(line);
}

/** What a page is given: its place, and how to name itself. */
function context(url, section, id, signal) {
  const title = h("h1", { tabindex: "-1" }, t(`nav.${section}`));
  const actions = h("div", { class: "row page-actions" });
  const crumb = h("p", { class: "crumb", hidden: true });
  const lead = h("p", { class: "quiet", hidden: true });
  const content = h("div", { class: "page-body stack" });
  put(page, crumb, h("div", { class: "page-head" }, title, actions), lead, content);
  const call = (name) => {
    title.textContent = name;
    document.title = `${name} · ${body.dataset.provider}`;
  };
  call(t(`nav.${section}`));
  return {
    url, id, signal, content, query: url.searchParams,
    /** `title`, `lead`, `back` (`[address, name]`), `actions` (buttons and links). What is not named stays. */
    head(more) {
      if (more.title) call(more.title);
      if (more.lead) put(lead, more.lead).hidden = false;
      if (more.back) put(crumb, h("a", { href: more.back[0] }, icon("back"), more.back[1])).hidden = false;
      if (more.actions) put(actions, more.actions);
    },
    cli: commandLine,
    /** Shows the page anew. */
    again: () => show(new URL(location.href)),
    focus: () => title.focus(),
  };
}

async function show(url, { first = false } = {}) {
  asking?.abort();
  leave?.();
  leave = null;
  asking = new AbortController();
  const { signal } = asking;
  const [, , name = "overview", id] = url.pathname.split("/");
  const section = allowed().find(([other]) => other === name);
  if (!section) {
    const home = allowed()[0];
    if (name === "overview" && home) return navigate(path(home[0]), { replace: true });
    put(page, h("h1", { tabindex: "-1" }, t("problem.forbidden_title")), h("p", null, t("problem.forbidden")));
    return page.querySelector("h1").focus();
  }
  for (const link of document.querySelectorAll("#menu a")) {
    if (link.dataset.section === name) link.setAttribute("aria-current", id ? "true" : "page");
    else link.removeAttribute("aria-current");
  }
  const here = context(url, name, id ? decodeURIComponent(id) : null, signal);
  scrollTo(0, 0);
  if (!first) {
    here.focus();
    say(t(`nav.${name}`));
  }
  try {
    const module = await (id && section[4] ? section[4]() : section[3]());
    if (signal.aborted) return;
    const stop = await module.default(here);
    if (signal.aborted) stop?.();
    else leave = stop ?? null;
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    put(here.content, failed(error, here.again));
  }
}

let isAsked = false;
addEventListener("console:signed-out", async () => {
  if (isAsked) return;
  isAsked = true;
  await dialog(t("frame.signed_out"), () => h("div", { class: "stack" }, h("p", null, t("frame.signed_out_lead")), h("p", { class: "row end" }, h("button", { type: "button", class: "primary", onclick: () => location.reload() }, t("frame.sign_in_again")))));
  isAsked = false;
});

async function begin() {
  await load();
  let self;
  try {
    self = await me();
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return location.reload();
    throw error;
  }
  frame(self);
  proveWith(prove);
  let first = true;
  start((url) => {
    show(url, { first });
    first = false;
  });
}

begin().catch((error) => {
  console.error(error);
  put(page, h("h1", null, t("problem.title")), failed(error, () => location.reload()));
});
