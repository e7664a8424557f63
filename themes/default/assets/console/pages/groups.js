// Groups: who belongs together, and what that brings.

import { h, icon } from "../dom.js";
import { can, make } from "../api.js";
import { formDialog } from "../forms.js";
import { list } from "../list.js";
import { navigate } from "../router.js";
import { when } from "../ui.js";
import { n, t, word } from "../words.js";

async function make_group() {
  const made = await formDialog({
    title: t("groups.new"), go: t("groups.make"), fields: [
      { name: "name", label: t("groups.name"), required: true, max: 64, hint: t("groups.name_hint") },
      { name: "description", label: t("groups.description"), max: 200, optional: true },
    ],
    submit: (values) => make("/groups", values.description ? values : { name: values.name }),
  });
  if (made?.id) navigate(`/admin/groups/${made.id}`);
}

export default async function groups(page) {
  page.head({ lead: t("groups.lead"), actions: [can("groups.write") && h("button", { type: "button", class: "primary", onclick: make_group }, icon("plus"), t("groups.new"))] });
  page.content.append(list({
    path: "/groups", label: t("nav.groups"), search: t("groups.search"), sort: "name", file: "groups", empty: t("groups.none"), emptyAction: can("groups.write") && h("button", { type: "button", onclick: make_group }, t("groups.new")),
    columns: [
      { key: "name", label: t("groups.name"), sort: "name", main: true, text: (row) => row.name, cell: (row) => [h("a", { href: `/admin/groups/${row.id}` }, row.name), row.description && h("span", { class: "sub" }, row.description)] },
      { key: "members", label: t("groups.members"), text: (row) => row.members, cell: (row) => (row.members === undefined || row.members === null ? "–" : n("groups.members_n", row.members)) },
      { key: "roles", label: t("users.roles"), text: (row) => row.roles, cell: (row) => (row.roles ?? []).map((role) => word("role", role)).join(", ") || "–" },
      { key: "created_at", label: t("users.created"), text: (row) => row.created_at, cell: (row) => when(row.created_at) },
    ],
    changed: () => page.cli("latchbolt group list --json"),
  }));
  if (page.query.has("new") && can("groups.write")) {
    history.replaceState(history.state, "", "/admin/groups");
    make_group();
  }
}
