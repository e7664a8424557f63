// Apps that people sign in to.

import { h, icon } from "../dom.js";
import { can, make } from "../api.js";
import { formDialog } from "../forms.js";
import { list } from "../list.js";
import { badge, copyable, dialog, when } from "../ui.js";
import { t, word } from "../words.js";

export default async function clients(page) {
  page.head({ lead: t("clients.lead"), actions: can("clients.write") && [h("button", { type: "button", onclick: token }, t("clients.token")), h("a", { class: "button primary", href: "/admin/clients/new" }, icon("plus"), t("clients.new"))] });
  page.content.append(list({
    path: "/clients", label: t("nav.clients"), search: t("clients.search"), file: "clients", empty: t("clients.none"), emptyAction: can("clients.write") && h("a", { class: "button", href: "/admin/clients/new" }, t("clients.new")), id: (row) => row.client_id,
    columns: [
      { key: "client_name", label: t("consents.client"), main: true, text: (row) => row.client_name, cell: (row) => [h("a", { href: `/admin/clients/${encodeURIComponent(row.client_id)}` }, row.client_name || row.client_id), h("span", { class: "sub mono" }, row.client_id)] },
      { key: "kind", label: t("devices.kind"), text: (row) => row.kind, cell: (row) => word("clients", `kind_${row.kind}`) },
      { key: "enabled", label: t("users.state"), text: (row) => row.enabled, cell: (row) => badge(row.enabled ? "active" : "disabled") },
      { key: "redirect_uris", label: t("clients.redirect_uris"), text: (row) => row.redirect_uris, cell: (row) => {
        const ways = row.redirect_uris.length > 0 ? row.redirect_uris : row.services;
        return ways.length === 0 ? "–" : [ways[0], ways.length > 1 && ` +${ways.length - 1}`];
      } },
      { key: "created_at", label: t("users.created"), text: (row) => row.created_at, cell: (row) => when(row.created_at) },
    ],
    filters: [{ name: "enabled", label: t("users.state"), options: [["true", word("state", "active")], ["false", word("state", "disabled")]] }],
    changed: () => page.cli("latchbolt client list --json"),
  }));
}

/** The right to register apps by dynamic registration (RFC 7591). */
async function token() {
  const made = await formDialog({
    title: t("clients.token"), lead: t("clients.token_lead"), go: t("enrolments.make"), fields: [
      { name: "name", label: t("api_keys.name"), required: true, max: 64 }, { name: "uses", label: t("clients.uses"), type: "number", min: 1, most: 1000, value: 1 }, { name: "days", label: t("api_keys.days"), type: "number", min: 1, most: 365, value: 7 },
    ],
    submit: (values) => make("/initial-tokens", values),
  });
  if (made?.token) await dialog(t("clients.token"), (close) => h("div", { class: "stack" }, h("p", null, t("api_keys.once")), copyable(made.token), h("p", { class: "row end" }, h("button", { type: "button", class: "primary", onclick: () => close() }, t("frame.done")))));
}
