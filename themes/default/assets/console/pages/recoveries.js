// Helpdesk recoveries: opened, waiting, ready to be completed.

import { h } from "../dom.js";
import { can, make, post } from "../api.js";
import { formDialog } from "../forms.js";
import { list } from "../list.js";
import { ask, attempt, badge, copyable, dialog, doing, toast, when } from "../ui.js";
import { t, time } from "../words.js";

export default async function recoveries(page) {
  const start = async () => {
    const made = await formDialog({
      title: t("recoveries.new"), lead: t("recoveries.new_lead"), go: t("recoveries.open"), fields: [
        { name: "user", label: t("enrolments.user"), hint: t("enrolments.user_hint"), required: true, max: 128 }, { name: "reason", label: t("frame.reason"), required: true, max: 200 },
      ],
      submit: (values) => make("/recoveries", values),
    });
    if (!made) return;
    toast(t("recoveries.opened"));
    rows.reload();
  };
  const complete = async (row) => {
    if (!await ask({ title: t("recoveries.complete"), lead: t("recoveries.complete_lead", { name: row.user.username }), go: t("recoveries.complete") })) return;
    const answer = await post(`/recoveries/${row.id}/complete`);
    rows.reload();
    await dialog(t("recoveries.link"), (close) => h("div", { class: "stack" }, h("p", null, t("recoveries.link_lead", { name: row.user.username })), copyable(answer.url, t("enrolments.copy_link")), h("p", { class: "quiet" }, t("enrolments.until", { time: time(answer.expires_at) })),
      h("p", { class: "row end" }, h("button", { type: "button", class: "primary", onclick: () => close() }, t("frame.done")))));
  };
  page.head({ lead: t("recoveries.lead"), actions: can("recoveries.write") && h("button", { type: "button", class: "primary", onclick: start }, t("recoveries.new")) });
  const rows = list({
    path: "/recoveries", label: t("nav.recoveries"), file: "recoveries", empty: t("recoveries.none"),
    columns: [
      { key: "user", label: t("devices.user"), main: true, text: (row) => row.user.username, cell: (row) => [h("a", { href: `/admin/users/${row.user.id}` }, row.user.username), h("span", { class: "sub" }, row.reason)] },
      { key: "state", label: t("users.state"), text: (row) => row.state, cell: (row) => badge(row.state) },
      { key: "opened_at", label: t("recoveries.opened_at"), text: (row) => row.opened_at, cell: (row) => when(row.opened_at) },
      { key: "ready_at", label: t("recoveries.ready_at"), text: (row) => row.ready_at, cell: (row) => time(row.ready_at) },
      can("recoveries.write") && { key: "deed", label: t("frame.deed"), cell: (row) => h("span", { class: "row" },
        row.state === "ready" && doing(t("recoveries.complete"), () => complete(row), { describe: row.user.username }),
        ["waiting", "ready", "completed"].includes(row.state) ? doing(t("frame.cancel"), async () => {
          if (await ask({ title: t("recoveries.cancel"), lead: t("recoveries.cancel_lead"), go: t("recoveries.cancel"), danger: true }) && await attempt(() => post(`/recoveries/${row.id}/cancel`), t("recoveries.cancelled"))) rows.reload();
        }, { kind: "danger", describe: row.user.username }) : "–") },
    ].filter(Boolean),
    filters: [{ name: "state", label: t("users.state"), options: [["open", t("recoveries.running")]] }],
  });
  page.content.append(rows);
}
