// What lists of sessions show, wherever they stand.

import { h } from "../dom.js";
import { can, remove } from "../api.js";
import { ask, attempt, doing, when } from "../ui.js";
import { t, time, word } from "../words.js";

export const sessionColumns = ({ withUser = true, after }) => [
  { key: "browser", label: t("sessions.browser"), main: true, text: (row) => row.browser, cell: (row) => [row.browser || "–", h("span", { class: "sub" }, row.address)] },
  withUser && { key: "user", label: t("devices.user"), text: (row) => row.username, cell: (row) => (can("users.read") ? h("a", { href: `/admin/users/${row.user}` }, row.username) : row.username) },
  { key: "methods", label: t("sessions.methods"), text: (row) => row.methods, cell: (row) => (row.methods ?? []).map((each) => word("method", each)).join(", ") || "–" },
  { key: "created_at", label: t("sessions.since"), text: (row) => row.created_at, cell: (row) => when(row.created_at) },
  { key: "last_used_at", label: t("sessions.used"), text: (row) => row.last_used_at, cell: (row) => when(row.last_used_at) },
  { key: "expires_at", label: t("sessions.ends"), text: (row) => row.expires_at, cell: (row) => time(row.expires_at) },
  can("sessions.end") && { key: "end", label: t("frame.deed"), cell: (row) => doing(t("sessions.end"), async () => {
    if (await ask({ title: t("sessions.end"), lead: t("sessions.end_lead"), go: t("sessions.end"), danger: true }) && await attempt(() => remove(`/sessions/${row.id}`), t("sessions.ended"))) after();
  }, { kind: "link danger", describe: [row.username, row.browser].filter(Boolean).join(", ") }) },
].filter(Boolean);
