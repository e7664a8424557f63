// One group: its rules, its roles, its members.

import { h } from "../dom.js";
import { call, can, get, post, remove } from "../api.js";
import { form, formDialog } from "../forms.js";
import { list } from "../list.js";
import { navigate } from "../router.js";
import { ask, attempt, badge, card, doing, facts, reason, shown, toast } from "../ui.js";
import { n, quoted, t, time, word } from "../words.js";

const APPROVAL = [["", "group.as_policy"], ["true", "frame.yes"], ["false", "frame.no"]];

export default async function group(page) {
  const path = `/groups/${page.id}`;
  page.head({ back: ["/admin/groups", t("nav.groups")] });
  await shown(page.content, async () => {
    const { data: shownGroup, version } = await call("GET", path, { signal: page.signal });
    page.head({
      title: shownGroup.name, actions: can("groups.write") && doing(t("group.delete"), async () => {
        if (await ask({ title: t("group.delete_title", { name: shownGroup.name }), lead: n("group.delete_lead", shownGroup.members), go: t("group.delete"), danger: true }) && await attempt(() => remove(path, version), t("group.deleted"))) navigate("/admin/groups");
      }, { kind: "danger" }),
    });
    page.cli(`latchbolt user group add USER ${quoted(shownGroup.name)}`);
    return [h("div", { class: "two-sides" }, members(path), h("div", { class: "stack" }, await details(page, path, shownGroup, version)))];
  });
}

function members(path) {
  const change = async (ids, member) => {
    try {
      const answer = await post(`${path}/members`, { [member]: ids });
      const undo = async () => { await post(`${path}/members`, { [member === "add" ? "remove" : "add"]: ids }); rows.reload(); };
      toast(n(member === "add" ? "group.added" : "group.removed", member === "add" ? answer.added : answer.removed), { undo });
      rows.reload();
      return true;
    } catch (error) {
      toast(reason(error), { kind: "bad" });
      return false;
    }
  };
  const addOne = () => formDialog({
    title: t("group.add"), go: t("group.add"), fields: [{ name: "user", label: t("enrolments.user"), hint: t("enrolments.user_hint"), required: true, max: 128 }],
    submit: async (values) => {
      const found = values.user.startsWith("acc_") ? { id: values.user } : (await get("/users", { q: values.user, limit: 20 })).items.find((each) => each.username === values.user.toLowerCase());
      if (!found) throw Object.assign(new Error(), { status: 404, field: "user" });
      await change([found.id], "add");
    },
  });
  const rows = list({
    path: `${path}/members`, local: true, label: t("groups.members"), empty: t("group.no_members"), name: (row) => row.username,
    columns: [
      { key: "username", label: t("users.username"), main: true, cell: (row) => [h("a", { href: `/admin/users/${row.id}` }, row.username), row.name && h("span", { class: "sub" }, row.name)] },
      { key: "state", label: t("users.state"), cell: (row) => badge(row.state) },
    ],
    bulk: can("groups.write") ? [{ label: t("group.remove"), danger: true, run: (ids) => change(ids, "remove") }] : [],
  });
  return card(t("groups.members"), can("groups.write") && h("p", { class: "row end" }, h("button", { type: "button", onclick: addOne }, t("group.add"))), rows);
}

async function details(page, path, now, version) {
  const about = card(t("group.about"), facts([[t("groups.description"), now.description], [t("users.roles"), now.roles.map((role) => word("role", role)).join(", ")], [t("users.created"), time(now.created_at)], [t("user.changed"), time(now.changed_at)]]));
  if (!can("groups.write")) return about;
  const roles = can("roles.write") ? (await get("/roles")).items : [];
  const rules = now.overrides ?? {};
  return [card(t("group.about"), form({
    go: t("frame.save"), again: page.again, fields: [
      { name: "name", label: t("groups.name"), value: now.name, required: true, max: 64 },
      { name: "description", label: t("groups.description"), value: now.description, max: 200 },
      can("roles.write") && { name: "roles", label: t("users.roles"), type: "checks", value: now.roles, options: roles.map((each) => [each.role, word("role", each.role), !each.may_give]), hint: t("group.roles_hint") },
      can("policy.write") && { name: "per_user", label: t("group.per_user"), type: "number", min: 0, most: 100, value: rules.per_user ?? "", hint: t("group.as_policy_hint") },
      can("policy.write") && { name: "approval", label: t("group.approval"), type: "select", value: rules.approval === undefined || rules.approval === null ? "" : String(rules.approval), options: APPROVAL.map(([value, name]) => [value, t(name)]) },
      can("policy.write") && { name: "second_factor", label: t("group.second_factor"), type: "select", value: rules.second_factor ?? "", options: [["", t("group.as_policy")], ["optional", t("policies.optional")], ["required", t("policies.required")]] },
    ],
    submit: async ({ per_user, approval, second_factor, ...values }) => {
      if (can("policy.write")) {
        values.overrides = Object.fromEntries(Object.entries({ per_user, approval: approval === "" ? null : approval === "true", second_factor: second_factor || null }).filter(([, value]) => value !== null && value !== undefined));
      }
      await call("PATCH", path, { body: values, version });
      toast(t("frame.saved"));
      page.again();
    },
  }))];
}
