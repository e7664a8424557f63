// One app; or a new one, step by step.

import { h, icon, put } from "../dom.js";
import { call, can, get, make, post } from "../api.js";
import { form } from "../forms.js";
import { navigate } from "../router.js";
import { ask, attempt, badge, card, copier, copyable, dialog, doing, facts, shown, tabs, toast } from "../ui.js";
import { quoted, t } from "../words.js";
import { casApps, casFacts, casFields, withCas } from "./client-cas.js";

const KINDS = {
  web: { application_type: "web", token_endpoint_auth_method: "client_secret_basic", grant_types: ["authorization_code", "refresh_token"], response_types: ["code"] },
  spa: { application_type: "web", token_endpoint_auth_method: "none", grant_types: ["authorization_code", "refresh_token"], response_types: ["code"] },
  native: { application_type: "native", token_endpoint_auth_method: "none", grant_types: ["authorization_code", "refresh_token"], response_types: ["code"] },
  machine: { token_endpoint_auth_method: "client_secret_basic", grant_types: ["client_credentials"], response_types: [], redirect_uris: [] },
  cas: { token_endpoint_auth_method: "none", grant_types: [], response_types: [], redirect_uris: [] },
};
const isService = (data) => Boolean(data.latchbolt_cas) && (data.grant_types ?? []).length === 0;
const SCOPES = ["openid", "profile", "email", "phone", "address", "groups", "offline_access"];

export default async function client(page) {
  page.head({ back: ["/admin/clients", t("nav.clients")] });
  if (page.id === "new") return wizard(page);
  const path = `/clients/${encodeURIComponent(page.id)}`;
  page.cli(`latchbolt client show ${quoted(page.id)} --json`);
  await shown(page.content, async () => {
    const { data, version } = await call("GET", path, { signal: page.signal });
    const brief = (await get("/clients", { q: page.id, limit: 20 })).items.find((each) => each.client_id === page.id);
    const isOn = brief?.enabled ?? true;
    page.head({ title: data.client_name || data.client_id, actions: actions(page, path, data, version, isOn) });
    const warnings = (data.warnings ?? []).map((warning) => h("div", { class: "alert" }, warning));
    return [warnings, h("p", { class: "row" }, badge(isOn ? "active" : "disabled"), h("span", { class: "quiet mono small" }, data.client_id)), tabs([
      ["settings", t("client.settings"), () => settings(page, path, data)],
      can("clients.write") && ["edit", t("user.edit"), () => edit(page, path, data, version)],
      can("clients.write") && ["json", t("client.json"), () => whole(page, path, data, version)],
    ].filter(Boolean), t("client.tabs"))];
  });
}

function actions(page, path, data, version, isOn) {
  return [
    ((data.redirect_uris ?? []).length > 0 || isService(data)) && doing(t("client.test"), async () => {
      const { url, kind } = await get(`${path}/test`);
      await dialog(t("client.test"), (close) => h("div", { class: "stack" }, h("p", null, t(`client.test_${kind}`)), h("p", { class: "row end" }, h("a", { class: "button primary", href: url, target: "_blank", rel: "noopener noreferrer", onclick: () => close() }, icon("out"), t("client.test_go")))));
    }, { kind: "primary" }),
    can("clients.write") && data.token_endpoint_auth_method?.startsWith("client_secret") && doing(t("client.new_secret"), async () => {
      if (!await ask({ title: t("client.new_secret"), lead: t("client.new_secret_lead"), go: t("client.new_secret"), danger: true })) return;
      await secret(await post(`${path}/secret`));
      page.again();
    }),
    can("clients.write") && doing(t(isOn ? "user.disable" : "user.enable"), async () => {
      if (isOn && !await ask({ title: t("client.disable"), lead: t("client.disable_lead"), go: t("user.disable"), danger: true })) return;
      const { version: now } = await call("PATCH", path, { body: { enabled: !isOn }, version });
      toast(t(isOn ? "client.disabled" : "client.enabled"), { undo: async () => { await call("PATCH", path, { body: { enabled: isOn }, version: now }); page.again(); } });
      page.again();
    }, { kind: isOn ? "danger" : "" }),
    can("clients.write") && doing(t("user.delete"), async () => {
      if (await ask({ title: t("user.delete_title", { name: data.client_name || data.client_id }), lead: t("client.delete_lead"), go: t("user.delete"), danger: true }) && await attempt(() => call("DELETE", path, { version }), t("user.deleted"))) navigate("/admin/clients");
    }, { kind: "danger" }),
  ];
}

const secret = (made) => dialog(t("client.secret"), (close) => h("div", { class: "stack" }, h("p", null, t("client.once")), copyable(made.client_secret, t("client.copy_secret")), h("p", { class: "row end" }, h("button", { type: "button", class: "primary", onclick: () => close() }, t("frame.done")))));

/** What the app's own configuration needs; for common software ready to paste. */
async function settings(page, path, data, made = null) {
  const { origin } = location;
  const place = h("div", { class: "stack" });
  const presets = (await get("/client-presets")).items;
  const items = presets.filter((preset) => (preset.kind === "cas" ? data.latchbolt_cas : !isService(data)));
  const choose = async (id) => shown(place, async () => {
    if (!id && isService(data)) return casFacts(data, true);
    if (!id) return [data.latchbolt_cas && h("h3", null, t("client.cas")), data.latchbolt_cas && casFacts(data, false), facts([
      [t("client.issuer"), copyable(origin)], [t("client.discovery"), copyable(`${origin}/.well-known/openid-configuration`)], [t("client.client_id"), copyable(data.client_id)], made?.client_secret && [t("client.secret"), copyable(made.client_secret, t("client.copy_secret"))],
      [t("client.authorize"), copyable(`${origin}/authorize`)], [t("client.token_endpoint"), copyable(`${origin}/token`)], [t("client.userinfo"), copyable(`${origin}/userinfo`)],
      [t("client.logout"), copyable(`${origin}/logout`)], [t("clients.redirect_uris"), (data.redirect_uris ?? []).length > 0 && h("span", { class: "stack-small" }, data.redirect_uris.map((uri) => h("code", null, uri)))], [t("client.auth_method"), data.token_endpoint_auth_method], casApps(data),
    ])];
    const { text } = await get(`/clients/${encodeURIComponent(data.client_id)}/settings`, { preset: id });
    return h("div", { class: "stack" }, h("p", { class: "quiet" }, t("client.placeholder")), h("div", { class: "copyable" }, h("pre", { class: "copyable-text mono", tabindex: "0" }, text), copier(text)));
  });
  const select = h("select", { id: "preset", onchange: (event) => choose(event.currentTarget.value) }, h("option", { value: "" }, t("client.plain")), items.map((preset) => h("option", { value: preset.id }, preset.title)));
  choose("");
  return card(t("client.settings"), h("div", { class: "field form" }, h("label", { for: "preset" }, t("client.software")), select), place);
}

function fields(data, kind) {
  const hasWay = kind !== "machine" && kind !== "cas";
  const name = { name: "client_name", label: t("clients.name"), value: data.client_name ?? "", required: true, max: 80 };
  if (kind === "cas") return [name, ...casFields(data, true)];
  return [
    name,
    hasWay && { name: "redirect_uris", label: t("clients.redirect_uris"), type: "lines", value: data.redirect_uris ?? [], required: true, hint: t("clients.redirect_hint") },
    hasWay && { name: "post_logout_redirect_uris", label: t("clients.post_logout"), type: "lines", value: data.post_logout_redirect_uris ?? [], rows: 2 },
    hasWay && { name: "backchannel_logout_uri", label: t("clients.backchannel"), value: data.backchannel_logout_uri ?? "", max: 2048, hint: t("clients.backchannel_hint") },
    { name: "scope", label: t("clients.scopes"), type: "words", value: (data.scope ?? "").split(" ").filter(Boolean), hint: t("clients.scopes_hint", { scopes: SCOPES.join(" ") }) },
    hasWay && { name: "latchbolt_skip_consent", label: t("clients.skip_consent"), type: "check", value: data.latchbolt_skip_consent ?? false },
    ...(hasWay ? casFields(data, false) : []),
  ].filter(Boolean);
}

/** What a form says, as a registration (RFC 7591). */
function registration(values, before) {
  const said = "latchbolt_cas_apps" in values ? withCas(values, "latchbolt_cas.services" in values && !("speaks_cas" in values)) : values;
  const next = { ...before, ...said, scope: (values.scope ?? []).join(" ") };
  delete next.warnings;
  for (const [name, value] of Object.entries(next)) if (value === "" || (name === "post_logout_redirect_uris" && value.length === 0) || value === null) delete next[name];
  return next;
}

const edit = (page, path, data, version) => card(t("user.edit"), form({
  go: t("frame.save"), again: page.again, fields: fields(data, isService(data) ? "cas" : (data.redirect_uris ?? []).length > 0 ? "web" : "machine"),
  submit: async (values) => {
    await call("PUT", path, { body: registration(values, data), version });
    toast(t("frame.saved"));
    page.again();
  },
}));

const whole = (page, path, data, version) => card(t("client.json"), h("p", { class: "quiet" }, t("client.json_lead")), form({
  go: t("frame.save"), again: page.again, fields: [{ name: "registration", label: t("client.registration"), type: "json", value: data, rows: 24 }],
  submit: async (values) => {
    await call("PUT", path, { body: values.registration, version });
    toast(t("frame.saved"));
    page.again();
  },
}));

/** Kind, then details, then what to copy. */
async function wizard(page) {
  page.head({ title: t("clients.new"), lead: t("clients.new_lead") });
  page.cli("latchbolt client create --file registration.json");
  const { items: presets } = await get("/client-presets");
  const steps = h("ol", { class: "steps", "aria-label": t("clients.steps") });
  const place = h("div", { class: "stack" });
  const at = (step) => put(steps, ["kind", "details", "copy"].map((name, number) => h("li", { "aria-current": name === step ? "step" : null }, `${number + 1}. ${t(`clients.step_${name}`)}`)));
  const heading = (text) => {
    const found = h("h2", { tabindex: "-1" }, text);
    queueMicrotask(() => found.focus());
    return found;
  };
  const first = (isBack = true) => {
    at("kind");
    put(place, h("section", { class: "card" }, isBack ? heading(t("clients.which")) : h("h2", null, t("clients.which")), h("div", { class: "kinds" }, Object.keys(KINDS).map((kind) => h("button", { type: "button", class: "kind", "data-kind": kind, onclick: () => second(kind, KINDS[kind], null) }, h("span", null, t(`clients.kind_${kind}`)), h("span", { class: "quiet" }, t(`clients.kind_${kind}_lead`)))))),
      presets.length > 0 && h("section", { class: "card" }, h("h2", null, t("clients.software")), h("div", { class: "kinds" }, presets.map((preset) => h("button", { type: "button", class: "kind", "data-preset": preset.id, onclick: () => host(preset) }, h("span", null, preset.title), preset.notes && h("span", { class: "quiet" }, preset.notes))))));
  };
  const host = (preset) => {
    if (!JSON.stringify(preset.registration).includes("{host}")) return second(preset.kind, preset.registration, preset);
    at("details");
    put(place, h("section", { class: "card" }, heading(preset.title), form({
      go: t("frame.go_on"), cancel: first, fields: [{ name: "host", label: t("clients.host"), required: true, max: 253, placeholder: "app.example.org", hint: t("clients.host_hint") }],
      submit: (values) => second(preset.kind, JSON.parse(JSON.stringify(preset.registration).replaceAll("{host}", values.host.replace(/^[a-z]+:\/\//, "").replace(/[/"\\\s].*$/, ""))), preset),
    })));
  };
  const second = (kind, base, preset) => {
    at("details");
    const data = { scope: kind === "machine" || kind === "cas" ? "" : "openid profile email", ...base, client_name: base.client_name ?? preset?.title ?? "" };
    put(place, h("section", { class: "card" }, heading(preset?.title ?? t(`clients.kind_${kind}`)), form({
      go: t("clients.register"), cancel: first, fields: [...fields(data, kind), { name: "client_id", label: t("client.client_id"), max: 64, optional: true, hint: t("clients.id_hint") }],
      submit: async (values) => third(await make("/clients", registration(values, base))),
    })));
  };
  const third = (made) => {
    at("copy");
    put(place, h("section", { class: "card" }, heading(t("clients.made")), made.client_secret && [h("p", null, t("client.once")), copyable(made.client_secret, t("client.copy_secret"))], h("p", null, h("a", { class: "button", href: `/admin/clients/${encodeURIComponent(made.client_id)}` }, t("clients.to_it")))));
    settings(page, null, made, made).then((ready) => place.append(ready)).catch(() => {});
  };
  page.content.append(steps, place);
  first(false);
}
