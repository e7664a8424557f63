// What lists of events show, wherever they stand.

import { h } from "../dom.js";
import { caller, can } from "../api.js";
import { badge } from "../ui.js";
import { t, time, word } from "../words.js";

const link = (permission, href, label) => (can(permission) ? h("a", { href }, label) : label);

/** An account by its id, the command line, the server itself, or whatever else acts. */
export function named(by) {
  if (by === "operator" || by === "system") return t(`audit.${by}`);
  if (!by?.startsWith("acc_")) return by ?? "–";
  return link("users.read", `/admin/users/${by}`, by === caller()?.id ? caller().username : t("audit.an_admin"));
}

/** Who did it. */
function actor(row) {
  const by = row.actor;
  if (!by) return row.account ? t("audit.self") : "–";
  return by === row.account ? row.account_name ?? named(by) : named(by);
}

export const eventColumns = ({ withUser = true } = {}) => [
  { key: "event", label: t("audit.event"), main: true, text: (row) => row.event, cell: (row) => [word("event", row.event), h("span", { class: "sub mono" }, row.detail || row.event)] },
  { key: "at", label: t("audit.time"), text: (row) => row.at, cell: (row) => time(row.at) },
  withUser && { key: "account", label: t("audit.account"), text: (row) => row.account_name ?? row.account, cell: (row) => (row.account ? link("users.read", `/admin/users/${row.account}`, row.account_name ?? row.account) : "–") },
  { key: "outcome", label: t("audit.outcome"), text: (row) => row.outcome, cell: (row) => badge(row.outcome) },
  { key: "actor", label: t("audit.actor"), text: (row) => row.actor, cell: actor },
  { key: "about", label: t("audit.about"), text: (row) => [row.device, row.client, row.session].filter(Boolean).join(" "), cell: (row) => [row.device && link("devices.read", `/admin/devices/${row.device}`, t("audit.phone")), row.device && row.client && ", ", row.client && link("clients.read", `/admin/clients/${encodeURIComponent(row.client)}`, row.client), !row.device && !row.client && "–"] },
  { key: "address", label: t("audit.address"), text: (row) => row.address, cell: (row) => row.address || "–" },
].filter(Boolean);
