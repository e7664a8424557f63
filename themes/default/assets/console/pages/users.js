// Everybody who has an account.

import { h, icon } from "../dom.js";
import { can, make, some } from "../api.js";
import { bulk } from "../bulk.js";
import { formDialog } from "../forms.js";
import { list } from "../list.js";
import { navigate } from "../router.js";
import { badge, when } from "../ui.js";
import { t, word } from "../words.js";

/** Makes a person, and goes there. */
async function make_user() {
  const made = await formDialog({
    title: t("users.new"), go: t("users.make"), fields: [
      { name: "username", label: t("users.username"), required: true, max: 128, hint: t("users.username_hint") },
      { name: "name", label: t("users.name"), max: 120, optional: true },
      { name: "email", label: t("users.email"), type: "email", max: 254, optional: true },
      can("groups.write") && { name: "groups", label: t("users.groups"), type: "checks", options: (await some("/groups", { limit: 100 })).map((group) => [group.id, group.name]) },
    ],
    submit: (values) => make("/users", Object.fromEntries(Object.entries(values).filter(([, value]) => value !== "" && value?.length !== 0))),
  });
  if (made?.id) navigate(`/admin/users/${made.id}`);
}

export default async function users(page) {
  page.head({
    lead: t("users.lead"),
    actions: [can("users.write") && can("jobs.write") && h("a", { class: "button", href: "/admin/imports" }, icon("imports"), t("users.import")),
      can("users.write") && h("button", { type: "button", class: "primary", onclick: make_user }, icon("plus"), t("users.new"))],
  });
  const groups = can("groups.read") ? await some("/groups", { limit: 200 }) : [];
  const after = () => rows.reload();
  const deed = (action, more) => ({ label: t(`bulk.${action}`), danger: more?.danger, run: (ids, _, filter) => bulk(action, ids, { after, filter, ...more }) });
  const toGroup = (action) => ({
    label: t(`bulk.${action}`), run: async (ids, _, filter) => {
      const chosen = await formDialog({ title: t(`bulk.${action}`), go: t("frame.go_on"), fields: [{ name: "group", label: t("users.group"), type: "select", options: groups.map((group) => [group.name, group.name]) }], submit: (values) => values });
      return chosen ? bulk(action, ids, { after, filter, more: { group: chosen.group } }) : false;
    },
  });
  const rows = list({
    path: "/users", label: t("nav.users"), search: t("users.search"), sort: "username", file: "users", empty: t("users.none"), name: (row) => row.username,
    columns: [
      { key: "username", label: t("users.username"), sort: "username", main: true, text: (row) => row.username, cell: (row) => [h("a", { href: `/admin/users/${row.id}` }, row.username), row.name && h("span", { class: "sub" }, row.name)] },
      { key: "email", label: t("users.email"), text: (row) => row.email, cell: (row) => row.email ?? "–" },
      { key: "state", label: t("users.state"), text: (row) => row.state, cell: (row) => badge(row.state) },
      { key: "roles", label: t("users.roles"), text: (row) => row.roles, cell: (row) => (row.roles ?? []).map((role) => word("role", role)).join(", ") || "–" },
      { key: "groups", label: t("users.groups"), text: (row) => row.groups, cell: (row) => (row.groups ?? []).join(", ") || "–" },
      { key: "created_at", label: t("users.created"), sort: "created_at", text: (row) => row.created_at, cell: (row) => when(row.created_at) },
    ],
    filters: [
      { name: "state", label: t("users.state"), options: ["active", "disabled"].map((each) => [each, word("state", each)]) },
      groups.length > 0 && { name: "group", label: t("users.group"), options: groups.map((group) => [group.id, group.name]) },
      { name: "role", label: t("users.role"), options: ["superadmin", "device_registrar", "helpdesk", "client_manager", "auditor"].map((each) => [each, word("role", each)]) },
      { name: "has_device", label: t("users.has_device"), options: [["true", t("frame.yes")], ["false", t("frame.no")]] },
      { name: "has_passkey", label: t("users.has_passkey"), options: [["true", t("frame.yes")], ["false", t("frame.no")]] },
    ].filter(Boolean),
    matching: ({ q, role, has_device: device, has_passkey: passkey, state, group }) => (q || role || device || passkey ? null : { ...(state && { state }), ...(group && { group: groups.find((each) => each.id === group)?.name }) }),
    bulk: can("jobs.write") ? [
      can("users.lock") && deed("disable_users", { danger: true }), can("users.lock") && deed("enable_users"), can("sessions.end") && deed("end_user_sessions", { danger: true }),
      can("groups.write") && groups.length > 0 && toGroup("add_to_group"), can("groups.write") && groups.length > 0 && toGroup("remove_from_group"),
    ].filter(Boolean) : [],
    changed: () => page.cli("latchbolt user list --json"),
  });
  page.content.append(rows);
  if (page.query.has("new") && can("users.write")) {
    navigate_clean();
    make_user();
  }
}

/** The address without its `new`, so that a reload asks nothing. */
function navigate_clean() {
  const url = new URL(location.href);
  url.searchParams.delete("new");
  history.replaceState(history.state, "", url);
}
