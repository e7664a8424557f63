// Ways in that were made: open ones, used ones, those that ran out.

import { h, icon } from "../dom.js";
import { can, remove } from "../api.js";
import { list } from "../list.js";
import { enrol } from "./enrolment-parts.js";
import { ask, attempt, badge, doing, when } from "../ui.js";
import { t, time, word } from "../words.js";

export default async function enrolments(page) {
  const start = () => enrol().then(() => rows.reload());
  page.head({ lead: t("enrolments.lead"), actions: [can("enrolments.write") && can("jobs.write") && h("a", { class: "button", href: "/admin/imports?kind=letters" }, t("enrolments.many")), can("enrolments.write") && h("button", { type: "button", class: "primary", onclick: start }, icon("plus"), t("enrolments.new"))] });
  const rows = list({
    path: "/enrolments", label: t("nav.enrolments"), search: t("enrolments.search"), file: "enrolments", empty: t("enrolments.none"),
    columns: [
      { key: "user", label: t("devices.user"), main: true, text: (row) => row.user.username, cell: (row) => [h("a", { href: `/admin/users/${row.user.id}` }, row.user.username), row.user.name && h("span", { class: "sub" }, row.user.name)] },
      { key: "kind", label: t("enrolments.kind"), text: (row) => row.kind, cell: (row) => word("enrolments", `kind_${row.kind}`) },
      { key: "state", label: t("devices.state"), text: (row) => row.state, cell: (row) => badge(row.state) },
      { key: "created_at", label: t("enrolments.made"), text: (row) => row.created_at, cell: (row) => when(row.created_at) },
      { key: "expires_at", label: t("enrolments.expires"), text: (row) => row.expires_at, cell: (row) => time(row.expires_at) },
      can("enrolments.write") && { key: "deed", label: t("frame.deed"), cell: (row) => (row.state === "open" ? doing(t("enrolments.cancel"), async () => {
        if (await ask({ title: t("enrolments.cancel"), lead: t("enrolments.cancel_lead", { name: row.user.username }), go: t("enrolments.cancel"), danger: true }) && await attempt(() => remove(`/enrolments/${row.id}`), t("enrolments.cancelled"))) rows.reload();
      }, { kind: "link danger" }) : row.device ? h("a", { href: `/admin/devices/${row.device}` }, t("enrolments.phone")) : "–") },
    ].filter(Boolean),
    filters: [
      { name: "state", label: t("devices.state"), options: ["open", "begun", "completed", "cancelled", "replaced", "expired"].map((each) => [each, word("state", each)]) },
      { name: "kind", label: t("enrolments.kind"), options: ["link", "code", "letter"].map((each) => [each, t(`enrolments.kind_${each}`)]) },
    ],
    changed: (state) => page.cli(`latchbolt enrol list${state.filters.state ? ` --state ${state.filters.state}` : ""} --json`),
  });
  page.content.append(rows);
  if (page.query.has("new") && can("enrolments.write")) {
    history.replaceState(history.state, "", "/admin/enrolments");
    start();
  }
}
