// What lists of phones show, wherever they stand.

import { h } from "../dom.js";
import { badge, when } from "../ui.js";
import { t, word } from "../words.js";

export const deviceColumns = ({ withUser = true } = {}) => [
  { key: "name", label: t("devices.name"), sort: "name", main: true, text: (row) => row.name, cell: (row) => [h("a", { href: `/admin/devices/${row.id}` }, row.name || t("devices.unnamed")), h("span", { class: row.cas_name ? "sub mono" : "sub" }, row.cas_name ?? [row.model, row.platform].filter(Boolean).join(" · "))] },
  withUser && { key: "user", label: t("devices.user"), text: (row) => row.user?.username, cell: (row) => (row.user ? h("a", { href: `/admin/users/${row.user.id}` }, row.user.username) : "–") },
  { key: "state", label: t("devices.state"), text: (row) => row.state, cell: (row) => [badge(row.state), row.reverification_due && h("span", { class: "badge warn" }, t("devices.due"))] },
  { key: "kind", label: t("devices.kind"), text: (row) => row.kind, cell: (row) => word("kind", row.kind) },
  { key: "used", label: t("devices.used"), sort: "used", text: (row) => row.last_used_at, cell: (row) => when(row.last_used_at) },
  { key: "created", label: t("devices.added"), sort: "created", text: (row) => row.created_at, cell: (row) => when(row.created_at) },
].filter(Boolean);
