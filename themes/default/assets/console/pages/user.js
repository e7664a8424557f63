// One person: who they are, what they sign in with, where they are signed in, what they may do.

import { h, icon } from "../dom.js";
import { all, call, can, get, make, post, remove, some } from "../api.js";
import { form, formDialog } from "../forms.js";
import { list } from "../list.js";
import { navigate } from "../router.js";
import { consentColumns } from "./consent-parts.js";
import { deviceColumns } from "./device-parts.js";
import { enrol } from "./enrolment-parts.js";
import { eventColumns } from "./audit-parts.js";
import { sessionColumns } from "./session-parts.js";
import { ask, attempt, badge, card, doing, empty, facts, shown, tabs, toast } from "../ui.js";
import { n, number, quoted, t, time, word } from "../words.js";

export default async function user(page) {
  const path = `/users/${page.id}`;
  page.head({ back: ["/admin/users", t("nav.users")] });
  await shown(page.content, async () => {
    const { data: person, version } = await call("GET", path, { signal: page.signal });
    page.head({ title: person.name || person.username, actions: actions(page, path, person, version) });
    page.cli(`latchbolt user show ${quoted(person.username)} --json`);
    return [h("p", { class: "row" }, badge(person.state), person.name && h("span", { class: "quiet" }, person.username), h("span", { class: "quiet mono small" }, person.id)),
      tabs([
        ["profile", t("user.profile"), () => profile(page, path, person, version)],
        can("devices.read") && ["devices", t("user.devices"), () => devices(page, path, person)],
        ["factors", t("user.factors"), (place) => factors(place, path)],
        can("sessions.read") && ["sessions", t("user.sessions"), () => sessions(person)],
        can("consents.read") && ["apps", t("user.apps"), () => apps(person)],
        ["groups", t("user.groups"), () => groups(page, path, person, version)],
        can("audit.read") && ["activity", t("user.activity"), () => activity(path)],
      ].filter(Boolean), t("user.tabs"))];
  });
}

function actions(page, path, person, version) {
  const isOff = person.state !== "active";
  return [
    can("users.lock") && !isOff && doing(t("user.lock_down"), async () => {
      const yes = await ask({ title: t("user.lock_down_title", { name: person.username }), lead: t("user.lock_down_lead"), go: t("user.lock_down"), danger: true, withReason: true });
      if (yes && await attempt(() => post(`${path}/lock-down`, yes.reason ? { reason: yes.reason } : {}), t("user.locked_down"))) page.again();
    }, { kind: "danger", glyph: "warn" }),
    can("users.lock") && !isOff && doing(t("user.disable"), async () => {
      const yes = await ask({ title: t("user.disable_title", { name: person.username }), lead: t("user.disable_lead"), go: t("user.disable"), danger: true });
      if (!yes || !await attempt(() => post(`${path}/disable`))) return;
      toast(t("user.disabled"), { undo: async () => { await post(`${path}/enable`); page.again(); } });
      page.again();
    }),
    can("users.lock") && isOff && doing(t("user.enable"), async () => { if (await attempt(() => post(`${path}/enable`), t("user.enabled"))) page.again(); }, { kind: "primary" }),
    can("users.lock") && !isOff && doing(t("user.reset"), async () => {
      const yes = await ask({ title: t("user.reset"), lead: t("user.reset_lead"), go: t("user.reset_go") });
      if (yes) await attempt(() => post(`${path}/reset-password`), t("user.reset_done"));
    }),
    can("users.write") && doing(t("user.delete"), async () => {
      const yes = await ask({ title: t("user.delete_title", { name: person.username }), lead: t("user.delete_lead"), go: t("user.delete"), danger: true });
      if (yes && await attempt(() => remove(path, version), t("user.deleted"))) navigate("/admin/users");
    }, { kind: "danger" }),
  ];
}

async function profile(page, path, person, version) {
  const shownFacts = card(t("user.account"), facts([
    [t("users.username"), person.username], [t("users.email"), person.email && [person.email, " ", h("span", { class: person.email_verified ? "badge good" : "badge" }, t(person.email_verified ? "user.verified" : "user.not_verified"))]],
    [t("users.created"), time(person.created_at)], [t("user.changed"), person.updated_at && time(person.updated_at)], [t("users.roles"), (person.roles ?? []).map((role) => word("role", role)).join(", ")],
  ]));
  if (!can("users.write")) return shownFacts;
  const defined = can("claims.read") ? await some("/claims") : [];
  // Those have fields of their own.
  const claims = Object.fromEntries(Object.entries(person.claims ?? {}).filter(([name]) => !["name", "email", "email_verified"].includes(name)));
  return h("div", { class: "two-sides" }, card(t("user.edit"), form({
    go: t("frame.save"), again: page.again, fields: [
      { name: "name", label: t("users.name"), value: person.name ?? "", max: 120 },
      { name: "email", label: t("users.email"), type: "email", value: person.email ?? "", max: 254 },
      { name: "language", label: t("user.language"), type: "select", value: person.language ?? "", options: [["", t("user.language_any")], ["en", "English"], ["de", "Deutsch"]] },
      { name: "claims", label: t("user.claims"), type: "json", value: claims, hint: defined.length > 0 ? t("user.claims_hint", { names: defined.map((claim) => claim.name).join(", ") }) : t("user.claims_none") },
    ],
    submit: async (values) => {
      const changed = {};
      for (const name of ["name", "email", "language"]) if ((person[name] ?? "") !== values[name]) changed[name] = values[name] || null;
      const wanted = values.claims ?? {};
      const edits = Object.entries(wanted).filter(([name, value]) => JSON.stringify(claims[name]) !== JSON.stringify(value));
      // What is left out is taken away.
      for (const name of Object.keys(claims)) if (!(name in wanted)) edits.push([name, null]);
      if (edits.length > 0) changed.claims = Object.fromEntries(edits);
      if (Object.keys(changed).length === 0) return toast(t("frame.nothing_changed"));
      await call("PATCH", path, { body: changed, version });
      toast(t("frame.saved"));
      page.again();
    },
  })), shownFacts);
}

function devices(page, path, person) {
  const rows = list({
    path: "/devices", fixed: { user: person.id }, local: true, sort: "-created", label: t("user.devices"), columns: deviceColumns({ withUser: false }), empty: t("user.no_devices"),
    emptyAction: can("enrolments.write") && h("button", { type: "button", class: "primary", onclick: () => enrol(person) }, icon("plus"), t("enrolments.new")),
  });
  return [can("enrolments.write") && h("p", { class: "row end" }, h("button", { type: "button", onclick: () => enrol(person).then(() => rows.reload()) }, icon("plus"), t("enrolments.new"))), rows];
}

async function factors(place, path) {
  const again = () => shown(place, () => factors(place, path));
  const [state, passkeys] = await Promise.all([get(`${path}/second-factor`), get(`${path}/passkeys`)]);
  const mayChange = can("recoveries.write");
  const off = (about, title, lead, deed, done) => doing(t("frame.remove"), async () => {
    if (await ask({ title, lead, go: t("frame.remove"), danger: true }) && await attempt(deed, done)) again();
  }, { kind: "link danger", describe: about });
  return [h("div", { class: "columns" },
    card(t("factors.password"), facts([
      [t("factors.is_set"), t(state.password.set ? "frame.yes" : "frame.no")], [t("factors.changed"), state.password.changed_at && time(state.password.changed_at)],
      [t("factors.failures"), number(state.password.failures ?? 0)], [t("factors.off"), state.password.off && t("frame.yes")],
    ]), can("users.lock") && state.password.failures > 0 && doing(t("factors.unlock"), async () => { if (await attempt(() => post(`${path}/unlock`), t("factors.unlocked"))) again(); })),
    card(t("factors.second"), facts([
      [t("factors.demanded"), t(state.demanded ? "frame.yes" : "frame.no")],
      [t("factors.totp"), state.totp ? [t("factors.since", { time: time(state.totp.since) }), " ", mayChange && off(t("factors.totp"), t("factors.totp_off"), t("factors.totp_off_lead"), () => call("DELETE", `${path}/second-factor`, {}), t("factors.totp_gone"))] : t("factors.none")],
      [t("factors.codes"), [n("factors.codes_left", state.recovery_codes?.left ?? 0), " ", mayChange && state.recovery_codes?.left > 0 && off(t("factors.codes"), t("factors.codes_off"), t("factors.codes_off_lead"), () => remove(`${path}/recovery-codes`), t("factors.codes_gone"))]],
    ]))),
  card(t("factors.passkeys"), passkeys.items.length === 0 ? empty(t("factors.no_passkeys")) : h("ul", { class: "things" }, passkeys.items.map((passkey) => h("li", null, h("div", { class: "item" }, h("strong", null, passkey.name || t("factors.unnamed")),
    h("span", { class: "small quiet" }, t("factors.passkey_since", { time: time(passkey.created_at) }), passkey.device && ` · ${t("factors.of_phone")}`)),
  mayChange && !passkey.device && off(passkey.name || t("factors.unnamed"), t("factors.passkey_off", { name: passkey.name || t("factors.unnamed") }), t("factors.passkey_off_lead"), () => remove(`${path}/passkeys/${passkey.id}`), t("factors.passkey_gone")))))),
  can("recoveries.write") && card(t("recoveries.title"), h("p", { class: "quiet" }, t("recoveries.lead")), h("p", null, doing(t("recoveries.new"), () => formDialog({
    title: t("recoveries.new"), lead: t("recoveries.new_lead"), go: t("recoveries.open"), fields: [{ name: "reason", label: t("frame.reason"), required: true, max: 200 }],
    submit: async (values) => {
      await make("/recoveries", { user: path.split("/").at(-1), ...values });
      toast(t("recoveries.opened"));
    },
  }))))];
}

function sessions(person) {
  const rows = list({ path: "/sessions", fixed: { user: person.id }, local: true, label: t("user.sessions"), empty: t("user.no_sessions"), columns: sessionColumns({ withUser: false, after: () => rows.reload() }) });
  return rows;
}

function apps(person) {
  const rows = list({ path: "/consents", fixed: { user: person.id }, local: true, label: t("user.apps"), empty: t("user.no_apps"), id: (row) => row.client_id, columns: consentColumns({ withUser: false, after: () => rows.reload() }) });
  return rows;
}

async function groups(page, path, person, version) {
  const parts = [];
  if (can("groups.read")) {
    const [everything, mine] = await Promise.all([all("/groups"), get(`${path}/groups`)]);
    const before = new Set(mine.items.map((group) => group.id));
    const list = everything.length === 0 ? empty(t("groups.none")) : can("groups.write") ? form({
      go: t("frame.save"), fields: [{ name: "groups", label: t("users.groups"), type: "checks", value: [...before], options: everything.map((group) => [group.id, group.name]) }],
      submit: async (values) => {
        const after = new Set(values.groups);
        for (const id of after) if (!before.has(id)) await post(`/groups/${id}/members`, { add: [person.id] });
        for (const id of before) if (!after.has(id)) await post(`/groups/${id}/members`, { remove: [person.id] });
        toast(t("frame.saved"));
        page.again();
      },
    }) : h("p", null, mine.items.map((group) => group.name).join(", ") || t("user.no_groups"));
    parts.push(card(t("user.groups_of"), list));
  }
  if (can("roles.write")) {
    const { items } = await get("/roles");
    parts.push(card(t("user.roles_of"), h("p", { class: "quiet" }, t("user.roles_lead")), form({
      go: t("frame.save"), again: page.again, fields: [{ name: "roles", label: t("users.roles"), type: "checks", value: person.own_roles, options: items.map((each) => [each.role, word("role", each.role), !each.may_give]) }],
      submit: async (values) => {
        await call("PUT", `${path}/roles`, { body: { roles: values.roles }, version });
        toast(t("frame.saved"));
        page.again();
      },
    })));
  } else parts.push(card(t("user.roles_of"), h("p", null, (person.roles ?? []).map((role) => word("role", role)).join(", ") || t("user.no_roles"))));
  return h("div", { class: "columns" }, parts);
}

function activity(path) {
  return list({ path: `${path}/activity`, local: true, label: t("user.activity"), columns: eventColumns({ withUser: false }), empty: t("user.no_activity"), id: (row) => row.id ?? row.number });
}
