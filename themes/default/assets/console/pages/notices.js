// Mails to people: what waits, what could not be delivered.

import { h } from "../dom.js";
import { can, get, post } from "../api.js";
import { formDialog } from "../forms.js";
import { list } from "../list.js";
import { attempt, badge, doing, shown, toast, when } from "../ui.js";
import { number, t, time, word } from "../words.js";

export default async function notices(page) {
  const tiles = h("div", { class: "stack" });
  page.head({
    lead: t("notices.lead"), actions: can("policy.write") && doing(t("notices.test"), async () => {
      const answer = await formDialog({ title: t("notices.test"), lead: t("notices.test_lead"), go: t("notices.send"), fields: [{ name: "to", label: t("users.email"), type: "email", required: true, max: 254 }], submit: (values) => post("/notices/test", values) });
      if (answer) toast(answer.sent ? t("notices.sent") : t("notices.not_sent", { why: answer.failure ?? "" }), { kind: answer.sent ? "good" : "bad" });
    }),
  });
  const rows = list({
    path: "/notices", label: t("nav.notices"), empty: t("notices.none"), file: "notices",
    columns: [
      { key: "kind", label: t("notices.kind"), main: true, text: (row) => row.kind, cell: (row) => [word("notice", row.kind), h("span", { class: "sub" }, row.to)] },
      { key: "state", label: t("users.state"), text: (row) => row.state, cell: (row) => badge(row.state) },
      { key: "attempts", label: t("notices.attempts"), text: (row) => row.attempts, cell: (row) => number(row.attempts) },
      { key: "failure", label: t("jobs.why"), text: (row) => row.failure, cell: (row) => row.failure || "–" },
      { key: "created_at", label: t("enrolments.made"), text: (row) => row.created_at, cell: (row) => when(row.created_at) },
      { key: "due_at", label: t("notices.due"), text: (row) => row.due_at, cell: (row) => (row.state === "waiting" ? time(row.due_at) : "–") },
      can("policy.write") && { key: "deed", label: t("frame.deed"), cell: (row) => (row.state === "failed" ? doing(t("notices.retry"), async () => { if (await attempt(() => post(`/notices/${row.id}/retry`), t("notices.retried"))) rows.reload(); }, { kind: "link" }) : "–") },
    ].filter(Boolean),
    filters: [{ name: "state", label: t("users.state"), value: "failed", options: ["failed", "waiting", "sent"].map((each) => [each, word("state", each)]) }],
  });
  page.content.append(tiles, rows);
  await shown(tiles, async () => {
    const box = await get("/notices/outbox", {}, page.signal);
    const tile = (label, value, bad) => h("div", { class: bad ? "tile attention" : "tile" }, h("span", { class: "quiet" }, label), h("strong", null, value));
    return [!box.is_on && h("p", { class: "note" }, t("notices.off")), h("div", { class: "tiles" }, tile(t("notices.waiting"), number(box.waiting)), tile(t("notices.put_off"), number(box.put_off), box.put_off > 0), tile(t("notices.failed"), number(box.failed), box.failed > 0), tile(t("notices.sent_last_day"), number(box.sent_last_day)))];
  });
}
