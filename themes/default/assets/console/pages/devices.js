// Every phone.

import { h, icon } from "../dom.js";
import { can, make } from "../api.js";
import { bulk } from "../bulk.js";
import { formDialog } from "../forms.js";
import { list } from "../list.js";
import { navigate } from "../router.js";
import { deviceColumns } from "./device-parts.js";
import { enrol } from "./enrolment-parts.js";
import { t, word } from "../words.js";

/** For phones whose public key is known, such as those of a fleet. */
async function register() {
  const made = await formDialog({
    title: t("devices.register"), lead: t("devices.register_lead"), go: t("devices.register_go"), fields: [
      { name: "user", label: t("enrolments.user"), required: true, hint: t("enrolments.user_hint"), max: 128 },
      { name: "name", label: t("devices.name"), required: true, max: 60 },
      { name: "platform", label: t("devices.platform"), max: 60, value: "", optional: true },
      { name: "public_key", label: t("devices.public_key"), type: "json", required: false, rows: 6, hint: t("devices.public_key_hint") },
    ],
    submit: (values) => make("/devices", values.platform ? values : { ...values, platform: undefined }),
  });
  if (made?.id) navigate(`/admin/devices/${made.id}`);
}

/** For phones with apps made for CAS, which have a name and no key. */
async function registerCas() {
  const made = await formDialog({
    title: t("devices.register_cas_title"), lead: t("devices.register_cas_lead"), go: t("devices.register_go"), fields: [
      { name: "user", label: t("enrolments.user"), required: true, hint: t("enrolments.user_hint"), max: 128 },
      { name: "cas_name", label: t("devices.cas_name"), required: true, hint: t("devices.cas_name_hint"), max: 128 },
      { name: "name", label: t("clients.name"), max: 60, value: "", optional: true },
    ],
    submit: (values) => make("/devices", { user: values.user, kind: "cas", cas_name: values.cas_name, ...(values.name && { name: values.name }) }),
  });
  if (made?.id) navigate(`/admin/devices/${made.id}`);
}

export default async function devices(page) {
  page.head({
    lead: t("devices.lead"),
    actions: [can("devices.write") && h("button", { type: "button", onclick: register }, t("devices.register")),
      can("devices.write") && h("button", { type: "button", onclick: registerCas }, t("devices.register_cas")),
      can("enrolments.write") && h("button", { type: "button", class: "primary", onclick: () => enrol() }, icon("plus"), t("enrolments.new"))],
  });
  const after = () => rows.reload();
  const deed = (action, permission, when, danger) => can(permission) && { label: t(`bulk.${action}`), danger, when, run: (ids, _, filter) => bulk(action, ids, { after, danger, filter }) };
  const rows = list({
    path: "/devices", label: t("nav.devices"), search: t("devices.search"), sort: "-created", file: "devices", empty: t("devices.none"), name: (row) => row.name, columns: deviceColumns(),
    filters: [
      { name: "state", label: t("devices.state"), options: ["pending", "active", "suspended", "revoked"].map((each) => [each, word("state", each)]) },
      { name: "kind", label: t("devices.kind"), options: ["web", "app", "cas"].map((each) => [each, word("kind", each)]) },
      { name: "unused_days", label: t("devices.unused"), options: [30, 90, 180, 365].map((days) => [String(days), t("devices.unused_days", { days })]) },
    ],
    matching: ({ q, kind, state, unused_days: days }) => (q || kind ? null : { ...(state && { state }), ...(days && { unused_days: Number(days) }) }),
    bulk: can("jobs.write") ? [
      deed("suspend_devices", "devices.suspend", (row) => row.state === "active", true), deed("restore_devices", "devices.write", (row) => row.state === "suspended"),
      deed("approve_devices", "devices.write", (row) => row.state === "pending"), deed("revoke_devices", "devices.write", (row) => row.state !== "revoked", true),
    ].filter(Boolean) : [],
    changed: () => page.cli("latchbolt device list --json"),
  });
  page.content.append(rows);
}
