// An app as a service of CAS: its fields, its facts, and both ways between a form and a registration.

import { h } from "../dom.js";
import { copyable, facts } from "../ui.js";
import { t } from "../words.js";

const PREFIX = "latchbolt_cas.";
const LISTS = ["services", "proxy_callbacks"];
/** What may be asked for, weakest first, and what it is called. */
const ACRS = { "urn:latchbolt:acr:password": "password", "urn:latchbolt:acr:qr": "qr", "urn:latchbolt:acr:qr-known-browser": "known", phr: "passkey" };
const assurance = (acr) => (ACRS[acr] ? t(`client.cas_acr_${ACRS[acr]}`) : acr);

/** `name = value`, one a line. */
const paired = (map) => Object.entries(map ?? {}).map(([name, value]) => `${name} = ${value}`);
const unpaired = (lines) => Object.fromEntries(lines.map((line) => {
  const at = line.indexOf("=");
  return at < 0 ? [line, ""] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
}));

/** Fields; `isAlone`: it speaks nothing else. */
export function casFields(data, isAlone) {
  const cas = data.latchbolt_cas ?? {};
  const when = isAlone ? undefined : (now) => now.speaks_cas;
  const field = (name, rest) => ({ name: PREFIX + name, label: t(`client.cas_${name}`), when, ...rest });
  return [
    !isAlone && { name: "speaks_cas", label: t("client.speaks_cas"), type: "check", value: Boolean(data.latchbolt_cas) },
    field("services", { type: "lines", value: cas.services ?? [], required: true, hint: t("client.cas_services_hint") }),
    field("attributes", { type: "lines", value: paired(cas.attributes), hint: t("client.cas_attributes_hint") }),
    field("user_claim", { value: cas.user_claim ?? "", max: 100, hint: t("client.cas_user_claim_hint") }),
    field("single_logout", { type: "select", value: cas.single_logout ?? "back", options: ["back", "front", "none"].map((way) => [way, t(`client.cas_logout_${way}`)]) }),
    field("logout_url", { value: cas.logout_url ?? "", max: 2000, hint: t("client.cas_logout_url_hint") }),
    field("proxy_callbacks", { type: "lines", rows: 2, value: cas.proxy_callbacks ?? [], hint: t("client.cas_proxy_callbacks_hint") }),
    field("required_acr", { type: "select", value: cas.required_acr ?? "", options: [["", t("client.cas_any")], ...Object.keys(ACRS).map((acr) => [acr, assurance(acr)])] }),
    field("texts", { type: "lines", rows: 2, value: paired(cas.texts), hint: t("client.cas_texts_hint") }),
    field("order", { type: "number", value: cas.order ?? 0, min: 0, most: 2147483647, hint: t("client.cas_order_hint") }),
    { name: "latchbolt_cas_apps", label: t("client.cas_apps"), type: "check", value: data.latchbolt_cas_apps ?? false, hint: t("client.cas_apps_hint") },
  ].filter(Boolean);
}

/** Takes the fields out of what a form says, and puts the member in their place. */
export function withCas(values, isAlone) {
  const rest = {};
  const cas = {};
  for (const [name, value] of Object.entries(values)) {
    if (!name.startsWith(PREFIX)) {
      rest[name] = value;
      continue;
    }
    const member = name.slice(PREFIX.length);
    const said = member === "attributes" || member === "texts" ? unpaired(value) : value;
    const isNothing = said === "" || said === null || (LISTS.includes(member) && said.length === 0);
    if (!isNothing) cas[member] = said;
  }
  const speaks = isAlone || rest.speaks_cas;
  delete rest.speaks_cas;
  return { ...rest, latchbolt_cas: speaks ? cas : null };
}

/** Whether people may sign in to it with apps made for CAS. */
export const casApps = (data) => data.latchbolt_cas_apps && [t("client.cas_apps"), t("frame.yes")];

/** What is registered, and where its server is; `isAlone`: it speaks nothing else. */
export function casFacts(data, isAlone) {
  const cas = data.latchbolt_cas;
  const codes = (all) => h("span", { class: "stack-small" }, all.map((one) => h("code", null, one)));
  const lines = (map) => Object.keys(map ?? {}).length > 0 && codes(paired(map));
  return facts([
    [t("client.cas_server"), copyable(`${location.origin}/cas`)],
    [t("client.cas_services"), codes(cas.services)],
    lines(cas.attributes) && [t("client.cas_attributes"), lines(cas.attributes)],
    cas.user_claim && [t("client.cas_user_claim"), cas.user_claim],
    [t("client.cas_single_logout"), t(`client.cas_logout_${cas.single_logout ?? "back"}`)],
    cas.logout_url && [t("client.cas_logout_url"), h("code", null, cas.logout_url)],
    cas.proxy_callbacks && [t("client.cas_proxy_callbacks"), codes(cas.proxy_callbacks)],
    cas.required_acr && [t("client.cas_required_acr"), assurance(cas.required_acr)],
    lines(cas.texts) && [t("client.cas_texts"), lines(cas.texts)],
    cas.order && [t("client.cas_order"), String(cas.order)],
    isAlone && casApps(data),
  ]);
}
