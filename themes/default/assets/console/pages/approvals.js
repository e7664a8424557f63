// Phones that wait to be let in.

import { h } from "../dom.js";
import { can, post } from "../api.js";
import { list } from "../list.js";
import { ask, reason, toast, when } from "../ui.js";
import { n, t, word } from "../words.js";

export default async function approvals(page) {
  page.head({ lead: t("approvals.lead") });
  const decide = async (decision, ids) => {
    const yes = decision === "approve" ? await ask({ title: n("approvals.approve_title", ids.length), lead: t("approvals.approve_lead"), go: t("approvals.approve") })
      : await ask({ title: n("approvals.reject_title", ids.length), lead: t("approvals.reject_lead"), go: t("approvals.reject"), danger: true, withReason: true });
    if (!yes) return false;
    try {
      const { results } = await post("/approvals/decide", { ids, decision, ...(yes.reason ? { reason: yes.reason } : {}) });
      const done = results.filter((each) => each.outcome === "done").length;
      toast(n(decision === "approve" ? "approvals.approved_n" : "approvals.rejected_n", done));
      if (done < results.length) toast(n("approvals.not_done", results.length - done), { kind: "bad" });
      return true;
    } catch (error) {
      toast(reason(error), { kind: "bad" });
      return false;
    }
  };
  const one = (row, decision) => h("button", { type: "button", class: decision === "approve" ? "" : "danger", "aria-label": t(`approvals.${decision}_one`, { name: row.name, user: row.username }), onclick: async () => { if (await decide(decision, [row.id])) rows.reload(); } }, t(`approvals.${decision}`));
  const rows = list({
    path: "/approvals", label: t("nav.approvals"), search: t("devices.search"), empty: t("approvals.none"), name: (row) => `${row.name}, ${row.username}`,
    columns: [
      { key: "name", label: t("devices.name"), main: true, cell: (row) => [h("a", { href: `/admin/devices/${row.id}` }, row.name || t("devices.unnamed")), h("span", { class: "sub" }, [row.model, word("kind", row.kind)].filter(Boolean).join(" · "))] },
      { key: "user", label: t("devices.user"), cell: (row) => (can("users.read") ? h("a", { href: `/admin/users/${row.user}` }, row.username) : row.username) },
      { key: "added_by", label: t("device.added_by"), cell: (row) => word("added_by", row.added_by) },
      { key: "attestation", label: t("device.attestation"), cell: (row) => word("attestation", row.attestation) },
      { key: "created_at", label: t("approvals.waiting"), cell: (row) => when(row.created_at) },
      can("devices.write") && { key: "deed", label: t("frame.deed"), cell: (row) => h("span", { class: "row" }, one(row, "approve"), one(row, "reject")) },
    ].filter(Boolean),
    bulk: can("devices.write") ? [{ label: t("approvals.approve"), run: (ids) => decide("approve", ids) }, { label: t("approvals.reject"), danger: true, run: (ids) => decide("reject", ids) }] : [],
    changed: () => page.cli("latchbolt approval list --json"),
  });
  page.content.append(rows);
}
