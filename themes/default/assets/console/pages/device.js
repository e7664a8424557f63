// One phone: what it is, what it did last, and what may be done to it.

import { h } from "../dom.js";
import { call, can, get, post } from "../api.js";
import { formDialog } from "../forms.js";
import { eventColumns } from "./audit-parts.js";
import { list, plainTable } from "../list.js";
import { attempt, badge, card, doing, facts, shown, toast } from "../ui.js";
import { n, t, time, word } from "../words.js";

export default async function device(page) {
  const path = `/devices/${page.id}`;
  page.head({ back: ["/admin/devices", t("nav.devices")] });
  await shown(page.content, async () => {
    const phone = await get(path, {}, page.signal);
    page.head({ title: phone.name || t("devices.unnamed"), actions: actions(page, path, phone) });
    page.cli(`latchbolt device show ${phone.id} --json`);
    return [
      h("p", { class: "row" }, badge(phone.state), phone.reverification_due && h("span", { class: "badge warn" }, t("devices.due")), h("span", { class: "quiet mono small" }, phone.id)),
      h("div", { class: "columns" }, card(t("device.what"), facts([
        [t("devices.user"), phone.user && h("a", { href: `/admin/users/${phone.user.id}` }, phone.user.username)], [t("devices.kind"), word("kind", phone.kind)], [t("devices.cas_name"), phone.cas_name && h("code", null, phone.cas_name)],
        [t("device.model"), phone.kind === "cas" ? null : [phone.model, phone.platform].filter(Boolean).join(" · ")], [t("device.verifies"), t(phone.verifies_user ? "frame.yes" : "frame.no")],
        [t("device.attestation"), [word("attestation", phone.attestation), phone.attested_by && ` (${phone.attested_by})`].filter(Boolean)],
        [t("device.added_by"), word("added_by", phone.added_by)], [t("devices.added"), time(phone.created_at)],
      ])), card(t("device.use"), facts([
        [t("device.last_used"), phone.last_used_at && time(phone.last_used_at)], [t("device.last_approved"), phone.last_approved_at && time(phone.last_approved_at)],
        [t("device.last_place"), phone.last_place], [t("device.last_browser"), phone.last_browser], [t("device.verified"), phone.verified_at && time(phone.verified_at)],
        [t("device.changed"), phone.changed_at && time(phone.changed_at)], [t("frame.reason"), phone.change_reason],
      ]))),
      card(t("device.keys"), phone.kind === "cas" ? h("p", { class: "quiet" }, t("device.no_key")) : plainTable(t("device.keys"), [t("device.thumbprint"), t("device.from"), t("device.to")], (phone.keys ?? [{ thumbprint: phone.key.thumbprint, added_at: phone.created_at }]).map((key) =>
        [h("code", null, key.thumbprint), time(key.added_at), key.ended_at ? time(key.ended_at) : t("device.in_use")]))),
      can("audit.read") && card(t("device.activity"), list({ path: "/audit", fixed: { device: phone.id }, local: true, limit: 20, label: t("device.activity"), columns: eventColumns({ withUser: false }), empty: t("user.no_activity"), id: (row) => row.id ?? row.number })),
    ];
  });
}

function actions(page, path, phone) {
  const is = (...states) => states.includes(phone.state);
  const reasoned = (title, lead, go, fields, submit, done) => async () => {
    const answer = await formDialog({ title, lead, go, danger: true, fields, submit });
    if (!answer) return;
    toast(done(answer));
    page.again();
  };
  const why = { name: "reason", label: t("frame.reason"), max: 200, optional: true };
  const cleaned = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
  return [
    can("devices.write") && is("pending") && doing(t("approvals.approve"), async () => { if (await attempt(() => post("/approvals/decide", { ids: [phone.id], decision: "approve" }), t("approvals.approved"))) page.again(); }, { kind: "primary" }),
    can("devices.write") && is("suspended") && doing(t("device.restore"), async () => { if (await attempt(() => post(`${path}/restore`), t("device.restored"))) page.again(); }, { kind: "primary" }),
    can("devices.suspend") && is("active", "suspended") && doing(t("device.lost"), reasoned(t("device.lost_title"), t("device.lost_lead"), t("device.lost"), [
      { name: "reason", label: t("device.what_happened"), type: "select", options: [["lost", t("device.is_lost")], can("devices.write") && ["stolen", t("device.is_stolen")]].filter(Boolean) },
      { name: "note", label: t("device.note"), max: 200, optional: true },
    ], (values) => post(`${path}/lost`, cleaned(values)), (answer) => n("device.lost_done", answer.ended_sessions ?? 0)), { kind: "danger", glyph: "warn" }),
    can("devices.suspend") && is("active") && doing(t("device.suspend"), async () => {
      const answer = await formDialog({ title: t("device.suspend_title"), lead: t("device.suspend_lead"), go: t("device.suspend"), fields: [why], submit: (values) => post(`${path}/suspend`, cleaned(values)) });
      if (!answer) return;
      toast(t("device.suspended"), { undo: can("devices.write") ? async () => { await post(`${path}/restore`); page.again(); } : null });
      page.again();
    }),
    can("devices.write") && !is("revoked") && doing(t("frame.rename"), async () => {
      const answer = await formDialog({ title: t("device.rename"), go: t("frame.save"), fields: [{ name: "name", label: t("devices.name"), value: phone.name, required: true, max: 60 }], submit: async (values) => (await call("PATCH", path, { body: values, version: `"${phone.version}"` })).data });
      if (answer) page.again();
    }),
    can("devices.write") && is("active", "suspended", "pending") && doing(t("device.revoke"), reasoned(t("device.revoke_title"), t("device.revoke_lead"), t("device.revoke"), [
      why, { name: "end_sessions", label: t("device.end_sessions"), type: "check", value: true },
    ], (values) => post(`${path}/revoke`, cleaned(values)), (answer) => n("device.revoked", answer.ended_sessions ?? 0)), { kind: "danger" }),
  ];
}
