// Keys by which programs use the admin API.

import { h, icon } from "../dom.js";
import { can, make, me, remove } from "../api.js";
import { formDialog } from "../forms.js";
import { list } from "../list.js";
import { ask, attempt, badge, copyable, dialog, doing, when } from "../ui.js";
import { n, t, time } from "../words.js";

export default async function apiKeys(page) {
  const { permissions } = await me();
  const start = async () => {
    const made = await formDialog({
      title: t("api_keys.new"), lead: t("api_keys.new_lead"), go: t("api_keys.make"), wide: true, fields: [
        { name: "name", label: t("api_keys.name"), required: true, max: 80, hint: t("api_keys.name_hint") },
        { name: "days", label: t("api_keys.days"), type: "number", min: 1, most: 366, value: 90, required: true },
        { name: "networks", label: t("api_keys.networks"), type: "lines", hint: t("api_keys.networks_hint") },
        { name: "permissions", label: t("api_keys.permissions"), type: "checks", options: permissions.map((each) => [each, each]), required: true },
      ],
      submit: (values) => make("/api-keys", values),
    });
    if (!made?.key) return;
    rows.reload();
    await dialog(t("api_keys.made"), (close) => h("div", { class: "stack" }, h("p", null, t("api_keys.once")), copyable(made.key, t("api_keys.copy")), h("p", { class: "quiet small" }, t("api_keys.use")),
      h("pre", { class: "copyable-text mono", tabindex: "0" }, `curl -H "Authorization: Bearer ${made.key}" ${location.origin}/api/admin/v1/me`), h("p", { class: "row end" }, h("button", { type: "button", class: "primary", onclick: () => close() }, t("frame.done")))), { wide: true });
  };
  page.head({ lead: t("api_keys.lead"), actions: can("api_keys.write") && h("button", { type: "button", class: "primary", onclick: start }, icon("plus"), t("api_keys.new")) });
  const rows = list({
    path: "/api-keys", label: t("nav.api-keys"), file: "api-keys", empty: t("api_keys.none"), emptyAction: can("api_keys.write") && h("button", { type: "button", onclick: start }, t("api_keys.new")),
    columns: [
      { key: "name", label: t("api_keys.name"), main: true, text: (row) => row.name, cell: (row) => [row.name, h("span", { class: "sub mono" }, row.id)] },
      { key: "state", label: t("users.state"), text: (row) => row.state, cell: (row) => badge(row.state) },
      { key: "user", label: t("api_keys.by"), text: (row) => row.username, cell: (row) => row.username ?? t("audit.operator") },
      { key: "permissions", label: t("api_keys.permissions"), text: (row) => row.permissions, cell: (row) => h("details", null, h("summary", null, n("api_keys.permissions_n", row.permissions.length)), h("p", { class: "small mono" }, row.permissions.join(" "))) },
      { key: "networks", label: t("api_keys.networks"), text: (row) => row.networks, cell: (row) => row.networks.join(", ") || t("api_keys.anywhere") },
      { key: "expires_at", label: t("enrolments.expires"), text: (row) => row.expires_at, cell: (row) => time(row.expires_at) },
      { key: "last_used_at", label: t("sessions.used"), text: (row) => row.last_used_at, cell: (row) => [when(row.last_used_at), row.last_address && h("span", { class: "sub" }, row.last_address)] },
      can("api_keys.write") && { key: "deed", label: t("frame.deed"), cell: (row) => (row.state === "active" ? doing(t("device.revoke"), async () => {
        if (await ask({ title: t("api_keys.revoke", { name: row.name }), lead: t("api_keys.revoke_lead"), go: t("device.revoke"), danger: true }) && await attempt(() => remove(`/api-keys/${row.id}`), t("api_keys.revoked"))) rows.reload();
      }, { kind: "link danger", describe: row.name }) : "–") },
    ].filter(Boolean),
    changed: () => page.cli("latchbolt api-key list --json"),
  });
  page.content.append(rows);
  if (page.query.has("new") && can("api_keys.write")) {
    history.replaceState(history.state, "", "/admin/api-keys");
    start();
  }
}
