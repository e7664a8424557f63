// Long work: imports, letters, deeds on many things.

import { h } from "../dom.js";
import { list } from "../list.js";
import { named } from "./audit-parts.js";
import { outcome } from "../bulk.js";
import { badge, when } from "../ui.js";
import { t, word } from "../words.js";

export default async function jobs(page) {
  page.head({ lead: t("jobs.lead") });
  page.content.append(list({
    path: "/jobs", label: t("nav.jobs"), empty: t("jobs.none"), file: "jobs",
    columns: [
      { key: "kind", label: t("jobs.kind"), main: true, text: (row) => row.action ?? row.kind, cell: (row) => [h("a", { href: `/admin/jobs/${row.id}` }, row.action ? word("bulk", row.action) : word("jobs", `kind_${row.kind}`)), h("span", { class: "sub" }, outcome(row))] },
      { key: "state", label: t("users.state"), text: (row) => row.state, cell: (row) => badge(row.state) },
      { key: "made_by", label: t("jobs.made_by"), text: (row) => row.made_by, cell: (row) => named(row.made_by) },
      { key: "created_at", label: t("enrolments.made"), text: (row) => row.created_at, cell: (row) => when(row.created_at) },
      { key: "finished_at", label: t("jobs.finished"), text: (row) => row.finished_at, cell: (row) => when(row.finished_at) },
    ],
    filters: [
      { name: "kind", label: t("jobs.kind"), options: ["import_users", "import_devices", "bulk_enrol", "bulk_action"].map((each) => [each, t(`jobs.kind_${each}`)]) },
      { name: "state", label: t("users.state"), options: ["ready", "running", "undoable", "finished", "cancelled", "undone"].map((each) => [each, word("state", each)]) },
    ],
    changed: () => page.cli("latchbolt job list --json"),
  }));
}
