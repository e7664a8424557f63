// Browsers that are signed in.

import { h } from "../dom.js";
import { can } from "../api.js";
import { bulk } from "../bulk.js";
import { list } from "../list.js";
import { sessionColumns } from "./session-parts.js";
import { t } from "../words.js";

export default async function sessions(page) {
  page.head({ lead: t("sessions.lead") });
  const after = () => rows.reload();
  const rows = list({
    path: "/sessions", label: t("nav.sessions"), search: t("sessions.search"), file: "sessions", empty: t("sessions.none"), name: (row) => `${row.username}, ${row.browser}`,
    columns: sessionColumns({ after }),
    filters: [
      { name: "user", label: t("audit.account_id") },
      { name: "since", label: t("audit.since"), type: "datetime-local", send: (value) => new Date(value).toISOString() },
      { name: "until", label: t("audit.until"), type: "datetime-local", send: (value) => new Date(value).toISOString() },
    ],
    bulk: can("sessions.end") && can("jobs.write") ? [{ label: t("bulk.end_sessions"), danger: true, run: (ids) => bulk("end_sessions", ids, { after, danger: true }) }] : [],
    changed: () => page.cli("latchbolt session list --json"),
  });
  page.content.append(h("div", null, rows));
}
