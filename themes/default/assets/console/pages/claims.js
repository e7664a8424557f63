// Custom claims: what may be kept about people, and under which scope apps learn it.

import { h, icon } from "../dom.js";
import { call, can, get } from "../api.js";
import { formDialog } from "../forms.js";
import { plainTable } from "../list.js";
import { ask, attempt, doing, empty, shown, toast } from "../ui.js";
import { t } from "../words.js";

const KINDS = ["text", "number", "boolean", "text_list"];

export default async function claims(page) {
  page.cli("latchbolt export DIR");
  const place = h("div", { class: "stack" });
  page.content.append(place);
  const edit = async (claim = null) => {
    const limits = claim?.limits ?? {};
    const saved = await formDialog({
      title: claim ? t("claims.edit", { name: claim.name }) : t("claims.new"), go: t("frame.save"), fields: [
        !claim && { name: "name", label: t("claims.name"), required: true, max: 64, hint: t("claims.name_hint") },
        { name: "kind", label: t("claims.kind"), type: "select", value: claim?.kind, options: KINDS.map((kind) => [kind, t(`claims.kind_${kind}`)]) },
        { name: "scope", label: t("claims.scope"), value: claim?.scope ?? "", max: 64, hint: t("claims.scope_hint") },
        { name: "label_en", label: t("claims.label_en"), value: claim?.labels?.en ?? "", max: 80 }, { name: "label_de", label: t("claims.label_de"), value: claim?.labels?.de ?? "", max: 80 },
        { name: "edited_by", label: t("claims.edited_by"), type: "select", value: claim?.edited_by ?? "admin", options: [["admin", t("claims.by_admin")], ["owner", t("claims.by_owner")]] },
        { name: "longest", label: t("claims.longest"), type: "number", min: 1, value: limits.longest ?? "", when: (values) => ["text", "text_list"].includes(values.kind) },
        { name: "most", label: t("claims.most"), type: "number", min: 1, value: limits.most ?? "", when: (values) => values.kind === "text_list" },
        { name: "min", label: t("claims.min"), type: "number", value: limits.min ?? "", when: (values) => values.kind === "number" },
        { name: "max", label: t("claims.max"), type: "number", value: limits.max ?? "", when: (values) => values.kind === "number" },
      ],
      submit: async ({ name, label_en, label_de, scope, longest, most, min, max, ...values }) => {
        const full = (all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null && value !== undefined && value !== ""));
        await call("PUT", `/claims/${encodeURIComponent(claim?.name ?? name)}`, { body: { ...values, ...full({ scope }), labels: full({ en: label_en, de: label_de }), limits: full({ longest, most, min, max }) }, version: claim && `"${claim.version}"` });
      },
    });
    if (!saved) return;
    toast(t("frame.saved"));
    draw();
  };
  const draw = () => shown(place, async () => {
    const { items } = await get("/claims", {}, page.signal);
    if (items.length === 0) return h("div", { class: "list-body" }, empty(t("claims.none"), can("claims.write") && h("button", { type: "button", onclick: () => edit() }, t("claims.new"))));
    return h("div", { class: "card" }, plainTable(t("nav.claims"), [t("claims.name"), t("claims.kind"), t("claims.scope"), t("claims.edited_by"), can("claims.write") && t("frame.deed")].filter(Boolean), items.map((claim) => [
      h("code", null, claim.name), t(`claims.kind_${claim.kind}`), claim.scope ?? t("claims.no_scope"), t(`claims.by_${claim.edited_by}`), can("claims.write") && h("span", { class: "row" }, h("button", { type: "button", class: "link", "aria-label": t("claims.edit", { name: claim.name }), onclick: () => edit(claim) }, t("claims.change")), doing(t("frame.remove"), async () => {
        if (await ask({ title: t("claims.remove", { name: claim.name }), lead: t("claims.remove_lead"), go: t("frame.remove"), danger: true }) && await attempt(() => call("DELETE", `/claims/${encodeURIComponent(claim.name)}`, { version: `"${claim.version}"` }), t("claims.removed"))) draw();
      }, { kind: "link danger", describe: claim.name })),
    ].filter((cell) => cell !== false))));
  });
  page.head({ lead: t("claims.lead"), actions: can("claims.write") && h("button", { type: "button", class: "primary", onclick: () => edit() }, icon("plus"), t("claims.new")) });
  draw();
}
