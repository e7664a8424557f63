// What happened: searched, filtered, exported, or as it comes.

import { h, put } from "../dom.js";
import { address, get } from "../api.js";
import { list } from "../list.js";
import { card, facts, say, shown } from "../ui.js";
import { eventColumns } from "./audit-parts.js";
import { n, number, t, time, word } from "../words.js";

const MOST_LIVE = 200;

export default async function audit(page) {
  const known = await get("/audit/events", {}, page.signal);
  let stop = null;
  const toggle = h("button", { type: "button", "aria-pressed": "false" }, h("span", null, t("audit.live")));
  page.head({ lead: t("audit.lead"), actions: toggle });
  const place = h("div", { class: "stack" });
  const export_ = h("div", { class: "row" });
  const rows = list({
    path: "/audit", label: t("nav.audit"), search: t("audit.search"), sort: "-number", empty: t("audit.none"), columns: eventColumns(), id: (row) => row.number,
    filters: [
      { name: "event", label: t("audit.event"), options: known.items.map((event) => [event, word("event", event)]) },
      { name: "outcome", label: t("audit.outcome"), options: ["done", "refused"].map((each) => [each, word("state", each)]) },
      { name: "account", label: t("audit.account_id") },
      { name: "since", label: t("audit.since"), type: "datetime-local", send: (value) => new Date(value).toISOString() },
      { name: "until", label: t("audit.until"), type: "datetime-local", send: (value) => new Date(value).toISOString() },
    ],
    changed: (_, query) => {
      page.cli(["latchbolt audit export", query.event && `--event ${query.event}`, query.outcome && `--outcome ${query.outcome}`, query.since && `--since ${query.since}`, query.until && `--until ${query.until}`].filter(Boolean).join(" "));
      const link = (format) => h("a", { class: "button", href: address("/audit/export", { ...query, sort: undefined, format }), download: `audit.${format}` }, t("list.export", { kind: format === "csv" ? "CSV" : "JSON Lines" }));
      put(export_, link("csv"), link("jsonl"));
    },
  });
  const head = h("div");
  page.content.append(place, export_, head);
  put(place, rows);
  toggle.addEventListener("click", () => {
    if (stop) {
      stop();
      stop = null;
      put(place, rows);
      rows.reload();
    } else stop = live(place);
    toggle.setAttribute("aria-pressed", String(Boolean(stop)));
    put(toggle, stop && h("span", { class: "live-dot", "aria-hidden": "true" }), t(stop ? "audit.live_stop" : "audit.live"));
  });
  shown(head, async () => {
    const seal = await get("/audit/head", {}, page.signal);
    return card(t("audit.chain"), h("p", { class: "quiet" }, t("audit.chain_lead")), seal.block > 0 ? facts([
      [t("audit.block"), number(seal.block)], [t("audit.last"), number(seal.last)], [t("audit.sealed"), time(seal.sealed_at)], [t("audit.head"), h("code", null, seal.head)],
    ]) : h("p", null, t("audit.not_sealed")));
  });
  return () => stop?.();
}

/** The newest on top, as they come. */
function live(place) {
  const columns = eventColumns();
  const body = h("tbody", { role: "rowgroup" });
  const status = h("p", { class: "quiet", role: "status" }, t("audit.live_waiting"));
  put(place, status, h("div", { class: "list-body" }, h("table", { class: "rows-table", role: "table", "aria-label": t("audit.live") }, h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map((column) => h("th", { role: "columnheader", scope: "col" }, column.label)))), body)));
  let count = 0;
  const source = new EventSource(address("/audit/live"));
  source.addEventListener("entry", (event) => {
    const row = JSON.parse(event.data);
    body.prepend(h("tr", { role: "row" }, columns.map((column) => h(column.main ? "th" : "td", { role: column.main ? "rowheader" : "cell", scope: column.main ? "row" : null, "data-label": column.main ? null : column.label }, h("div", { class: "cell" }, column.cell(row))))));
    while (body.children.length > MOST_LIVE) body.lastChild.remove();
    count += 1;
    status.textContent = n("audit.live_count", count);
  });
  source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) status.textContent = t("problem.offline"); });
  say(t("audit.live_waiting"));
  return () => source.close();
}
