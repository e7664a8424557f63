// The rules of the house.

import { h } from "../dom.js";
import { call, can, get } from "../api.js";
import { form } from "../forms.js";
import { badge, card, facts, shown, toast } from "../ui.js";
import { t, time } from "../words.js";

const choice = (words) => words.map((each) => [each, t(`policies.${each}`)]);
/** What each rule is: how it is asked. Names are those of the API. */
const FIELDS = {
  devices: () => [
    ["per_user", { type: "number", min: 1, most: 100 }], ["first_enrolment", { type: "select", options: choice(["password", "admin"]) }], ["approval", { type: "check" }],
    ["attestation", { type: "select", options: choice(["none", "wanted", "required"]) }], ["attestation_roots", { type: "lines" }], ["reverify_days", { type: "number", min: 0, most: 3650 }],
  ],
  passwords: () => [
    ["shortest", { type: "number", min: 8, most: 128 }], ["least_strength", { type: "number", min: 0, most: 4 }], ["refuse_common", { type: "check" }], ["second_factor", { type: "select", options: choice(["optional", "required"]) }],
  ],
  enrolments: () => [["screen_minutes", { type: "number", min: 1, most: 10 }], ["letter_days", { type: "number", min: 1, most: 90 }], ["code_length", { type: "number", min: 8, most: 24 }]],
  recovery: () => [["waiting_hours", { type: "number", min: 0, most: 720 }], ["codes", { type: "number", min: 4, most: 20 }]],
};

function rules(policy, again) {
  const known = (FIELDS[policy.name]?.() ?? []).filter(([name]) => name in policy.value);
  const head = [h("p", { class: "quiet" }, t(`policies.${policy.name}_lead`)), policy.version === 0 ? h("p", null, h("span", { class: "badge" }, t("policies.as_configured"))) : h("p", { class: "quiet small" }, t("policies.changed_at", { time: time(policy.changed_at) }))];
  if (!can("policy.write")) return card(t(`policies.${policy.name}`), head, facts(known.map(([name, { type }]) => [t(`policies.${policy.name}_${name}`), type === "check" ? badge(policy.value[name] ? "active" : "unchanged") : String(policy.value[name])])));
  return card(t(`policies.${policy.name}`), head, form({
    go: t("frame.save"), again, fields: known.map(([name, field]) => ({ name, ...field, value: policy.value[name], label: t(`policies.${policy.name}_${name}`) })),
    submit: async (values) => {
      const changed = Object.fromEntries(Object.entries(values).filter(([name, value]) => JSON.stringify(policy.value[name]) !== JSON.stringify(value)));
      if (Object.keys(changed).length === 0) return toast(t("frame.nothing_changed"));
      const before = Object.fromEntries(Object.keys(changed).map((name) => [name, policy.value[name]]));
      const { version } = await call("PATCH", `/policies/${policy.name}`, { body: changed, version: `"${policy.version}"` });
      toast(t("frame.saved"), { undo: async () => { await call("PATCH", `/policies/${policy.name}`, { body: before, version }); again(); } });
      again();
    },
  }));
}

export default async function policies(page) {
  page.head({ lead: t("policies.lead") });
  page.cli("latchbolt policy show --json");
  const place = h("div", { class: "columns" });
  page.content.append(place);
  const draw = () => shown(place, async () => (await get("/policies", {}, page.signal)).items.filter((policy) => policy.name in FIELDS).map((policy) => rules(policy, draw)));
  draw();
}
