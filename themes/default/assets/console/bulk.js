// Deeds on many things: what would happen, doing it, and taking it back while that is possible.

import { h, put } from "./dom.js";
import { get, make, post } from "./api.js";
import { plainTable } from "./list.js";
import { badge, dialog, doing, reason, toast } from "./ui.js";
import { n, t, word } from "./words.js";

const ENDED = ["finished", "cancelled", "undone", "undoable", "failed"];

/** Asks for a job until it moves no more by itself. */
export async function settled(id, tell = () => {}) {
  for (;;) {
    const job = await get(`/jobs/${id}`);
    tell(job);
    if (ENDED.includes(job.state)) return job;
    await new Promise((done) => setTimeout(done, 500));
  }
}

/** How many rows have which fate, in words. */
export function outcome({ rows }) {
  return [["done", rows.done], ["to_do", rows.to_do - rows.done - rows.failed], ["unchanged", rows.unchanged], ["conflict", rows.conflict], ["failed", rows.failed], ["undone", rows.undone]]
    .filter(([, count]) => count > 0).map(([name, count]) => n(`jobs.rows_${name}`, count)).join(" · ") || t("jobs.rows_none");
}

/** What each row will be, or became: the first ones. */
export async function preview(id) {
  const { items, next } = await get(`/jobs/${id}/rows`, { limit: 50 });
  return [items.length > 0 && plainTable(t("jobs.rows"), [t("jobs.row_what"), t("jobs.fate"), t("jobs.why")], items.map((row) =>
    [row.label || `${row.number}`, badge(row.outcome ?? row.fate), [row.field && `${row.field}: `, row.reason && word("reason", row.reason)].filter(Boolean).join("") || "–"])),
  next && h("p", { class: "quiet small" }, t("jobs.rows_more"))];
}

/** The message with the way back, for a job that may still be undone. */
export function undoable(job, text, after = () => {}) {
  const left = job.undo_until ? Math.floor((Date.parse(job.undo_until) - Date.now()) / 1000) : 0;
  if (job.state !== "undoable" || left <= 1) return toast(text);
  return toast(text, {
    seconds: left, undo: async () => {
      await post(`/jobs/${job.id}/undo`);
      await settled(job.id);
      after();
    },
  });
}

/** A bulk action from preview to its message; without `ids` on everything that the `filter` finds. Answers whether it was done. */
export async function bulk(action, ids, { more = {}, filter = null, after = () => {}, danger = false } = {}) {
  let job;
  try {
    job = await make("/bulk", { action, ...(ids ? { ids } : { filter }), ...more });
  } catch (error) {
    toast(reason(error), { kind: "bad" });
    return false;
  }
  const rows = await preview(job.id);
  const done = await dialog(t(`bulk.${action}`), (close) => {
    const progress = h("p", { role: "status" }, outcome(job));
    return h("div", { class: "stack" }, h("p", null, t(`bulk.${action}_lead`)), progress, rows, h("div", { class: "row end" },
      h("button", { type: "button", onclick: () => close() }, t("frame.cancel")),
      job.rows.to_do > 0 && doing(n("bulk.go", job.rows.to_do), async () => {
        await post(`/jobs/${job.id}/start`);
        close(await settled(job.id, (now) => put(progress, outcome(now))));
      }, { kind: danger ? "danger filled" : "primary" })));
  }, { wide: true });
  if (!done) {
    post(`/jobs/${job.id}/cancel`).catch(() => {});
    return false;
  }
  undoable(done, `${t(`bulk.${action}`)}: ${outcome(done)}`, after);
  return true;
}
