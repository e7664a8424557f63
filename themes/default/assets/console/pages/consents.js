// What people agreed to tell apps.

import { h } from "../dom.js";
import { list } from "../list.js";
import { consentColumns } from "./consent-parts.js";
import { t } from "../words.js";

export default async function consents(page) {
  page.head({ lead: t("consents.lead") });
  const rows = list({
    path: "/consents", label: t("nav.consents"), file: "consents", empty: t("consents.none"), id: (row) => `${row.user}/${row.client_id}`,
    columns: consentColumns({ after: () => rows.reload() }),
    filters: [{ name: "user", label: t("audit.account_id") }, { name: "client", label: t("consents.client_id") }],
    changed: () => page.cli("latchbolt consent list --json"),
  });
  page.content.append(h("div", null, rows));
}
