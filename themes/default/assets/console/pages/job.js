// One piece of long work: what it would do, row by row; how far it is; what came of it.

import { h, put } from "../dom.js";
import { address, can, get, post } from "../api.js";
import { outcome, settled, undoable } from "../bulk.js";
import { list } from "../list.js";
import { named } from "./audit-parts.js";
import { ask, attempt, badge, card, doing, facts, say, shown, toast } from "../ui.js";
import { n, number, percent, t, time, word } from "../words.js";

export default async function job(page) {
  const path = `/jobs/${page.id}`;
  page.head({ back: ["/admin/jobs", t("nav.jobs")] });
  page.cli(`latchbolt job show ${page.id} --json`);
  let gone = false;
  const state = h("div", { class: "stack" });
  const rows = list({
    path: `${path}/rows`, label: t("jobs.rows"), empty: t("jobs.rows_none"), id: (row) => row.number,
    columns: [
      { key: "number", label: t("jobs.row"), main: true, cell: (row) => [number(row.number), row.label && h("span", { class: "sub" }, row.label)] },
      { key: "fate", label: t("jobs.would"), cell: (row) => badge(row.fate) },
      { key: "outcome", label: t("jobs.fate"), cell: (row) => (row.outcome ? badge(row.outcome) : "–") },
      { key: "why", label: t("jobs.why"), cell: (row) => [row.field && h("code", null, row.field), row.field && " ", row.reason ? word("reason", row.reason) : row.field ? "" : "–"] },
    ],
    filters: [
      { name: "fate", label: t("jobs.would"), options: ["create", "change", "unchanged", "conflict"].map((each) => [each, word("state", each)]) },
      { name: "outcome", label: t("jobs.fate"), options: ["waiting", "done", "failed", "undone"].map((each) => [each, word("state", each)]) },
    ],
  });
  const draw = (now) => {
    const { rows: counts } = now;
    page.head({
      title: now.action ? word("bulk", now.action) : word("jobs", `kind_${now.kind}`),
      actions: can("jobs.write") && [
        now.state === "ready" && counts.to_do > 0 && doing(n("bulk.go", counts.to_do), async () => {
          await post(`${path}/start`);
          await follow();
        }, { kind: "primary" }),
        ["ready", "running"].includes(now.state) && doing(t("jobs.cancel"), async () => {
          if (await ask({ title: t("jobs.cancel"), lead: t("jobs.cancel_lead"), go: t("jobs.cancel"), danger: true }) && await attempt(() => post(`${path}/cancel`), t("jobs.cancelled"))) await look();
        }, { kind: "danger" }),
        now.state === "undoable" && doing(t("frame.undo"), async () => {
          await post(`${path}/undo`);
          await follow();
        }, { glyph: "undo" }),
      ],
    });
    const did = counts.done + counts.failed;
    put(state, h("p", { class: "row" }, badge(now.state), h("span", { role: "status" }, outcome(now))),
      now.state === "running" && h("progress", { max: Math.max(1, counts.to_do), value: did, "aria-label": percent(did / Math.max(1, counts.to_do)) }),
      now.state === "ready" && h("p", { class: "note" }, t("jobs.dry")),
      now.letters && can("enrolments.write") && card(t("jobs.letters"), h("p", null, t("jobs.letters_lead", { time: time(now.letters.until) })), h("p", { class: "row" }, ["letter", "labels"].map((layout) =>
        h("a", { class: "button", href: address(`${path}/letters.pdf`, { layout }), download: `${now.id}-${layout}.pdf` }, t(`jobs.layout_${layout}`))), doing(t("jobs.printed"), async () => {
        if (await ask({ title: t("jobs.printed"), lead: t("jobs.printed_lead"), go: t("jobs.printed") }) && await attempt(() => post(`${path}/letters/confirm`), t("jobs.printed_done"))) await look();
      }))),
      card(t("jobs.about"), facts([[t("jobs.made_by"), named(now.made_by)], [t("enrolments.made"), time(now.created_at)], [t("jobs.started"), now.started_at && time(now.started_at)], [t("jobs.finished"), now.finished_at && time(now.finished_at)]]),
        h("p", null, h("a", { href: address(`${path}/rows.csv`), download: `${now.id}.csv` }, t("jobs.csv")))));
  };
  const look = async () => { if (!gone) draw(await get(path, {}, page.signal)); };
  const follow = async () => {
    const end = await settled(page.id, (now) => { if (!gone) draw(now); });
    if (gone) return;
    draw(end);
    rows.reload();
    say(outcome(end));
    if (end.state === "undoable") undoable(end, outcome(end), () => page.again());
    else toast(outcome(end));
  };
  page.content.append(state, h("h2", null, t("jobs.rows")), rows);
  await shown(state, async () => {
    const now = await get(path, {}, page.signal);
    draw(now);
    if (["running", "undoing"].includes(now.state)) follow().catch(() => {});
  });
  return () => { gone = true; };
}
