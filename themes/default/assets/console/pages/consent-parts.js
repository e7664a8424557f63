// What lists of consents show, wherever they stand.

import { h } from "../dom.js";
import { can, remove } from "../api.js";
import { ask, attempt, doing, when } from "../ui.js";
import { t } from "../words.js";

export const consentColumns = ({ withUser = true, after }) => [
  { key: "client", label: t("consents.client"), main: true, text: (row) => row.client_id, cell: (row) => [can("clients.read") ? h("a", { href: `/admin/clients/${encodeURIComponent(row.client_id)}` }, row.client_name || row.client_id) : row.client_name || row.client_id, h("span", { class: "sub mono" }, row.client_id)] },
  withUser && { key: "user", label: t("devices.user"), text: (row) => row.username, cell: (row) => (can("users.read") ? h("a", { href: `/admin/users/${row.user}` }, row.username) : row.username) },
  { key: "scopes", label: t("consents.scopes"), text: (row) => row.scopes, cell: (row) => row.scopes.join(" ") || "–" },
  { key: "declined", label: t("consents.declined"), text: (row) => row.declined, cell: (row) => row.declined.join(" ") || "–" },
  { key: "given_at", label: t("consents.since"), text: (row) => row.given_at, cell: (row) => when(row.given_at) },
  can("consents.withdraw") && { key: "deed", label: t("frame.deed"), cell: (row) => doing(t("consents.withdraw"), async () => {
    if (await ask({ title: t("consents.withdraw"), lead: t("consents.withdraw_lead", { client: row.client_name || row.client_id }), go: t("consents.withdraw"), danger: true }) && await attempt(() => remove(`/consents/${row.user}/${encodeURIComponent(row.client_id)}`), t("consents.withdrawn"))) after();
  }, { kind: "link danger", describe: row.client_name || row.client_id }) },
].filter(Boolean);
