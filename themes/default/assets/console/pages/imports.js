// Many at once, from a table: first what would happen to each row, then doing it.

import { fresh, h, put } from "../dom.js";
import { call, can, make, some } from "../api.js";
import { form } from "../forms.js";
import { navigate } from "../router.js";
import { card, copier, reason, tabs } from "../ui.js";
import { t } from "../words.js";

const KINDS = [["users", "users.write"], ["devices", "devices.write"], ["cas_devices", "devices.write"], ["letters", "enrolments.write"]];
const COLUMNS = {
  users: "username,email,name,given_name,family_name,groups,language\nada,ada@example.org,Ada Lovelace,Ada,Lovelace,Staff;Engines,en\n",
  devices: "username,public_key,name,platform\nada,BASE64URL_OF_THE_KEY,Ada's phone,Android 16\n",
  cas_devices: '{\n  "adas-phone": "ada"\n}\n',
  letters: "username,language\nada,en\n",
};
/** A map is no table. */
const isMap = (kind) => kind === "cas_devices";

function upload(kind) {
  const id = fresh("file");
  const alert = h("p", { class: "alert", role: "alert", hidden: true });
  const input = h("input", { id, type: "file", accept: isMap(kind) ? ".json,.hjson,application/json" : ".csv,text/csv", required: true, "aria-describedby": `${id}-hint` });
  const button = h("button", { type: "submit", class: "primary" }, t("imports.check"));
  return card(t(`imports.${kind}`), h("p", null, t(`imports.${kind}_lead`)), h("details", null, h("summary", null, t(isMap(kind) ? "imports.example" : "imports.columns")), h("div", { class: "copyable" }, h("pre", { class: "copyable-text mono", tabindex: "0" }, COLUMNS[kind]), copier(COLUMNS[kind]))), h("form", {
    class: "stack form", method: "post", novalidate: true, onsubmit: async (event) => {
      event.preventDefault();
      const file = input.files[0];
      alert.hidden = true;
      const complain = (text) => {
        put(alert, text).hidden = false;
        input.focus();
      };
      if (!file) return complain(t("imports.choose"));
      if (button.getAttribute("aria-disabled") === "true") return;
      button.setAttribute("aria-disabled", "true");
      try {
        const { data } = await call("POST", "/imports", { query: { kind }, body: file, type: "text/csv", key: crypto.randomUUID() });
        navigate(`/admin/jobs/${data.id}`);
      } catch (error) {
        complain([error.row && t("imports.at_row", { row: error.row }), error.field && `${error.field}:`, reason(error)].filter(Boolean).join(" "));
      } finally {
        button.removeAttribute("aria-disabled");
      }
    },
  }, alert, h("div", { class: "field" }, h("label", { for: id }, t(isMap(kind) ? "imports.map" : "imports.file")), input, h("p", { class: "quiet small", id: `${id}-hint` }, t(isMap(kind) ? "imports.map_hint" : "imports.file_hint"))), h("p", { class: "row end" }, button)));
}

export default async function imports(page) {
  page.head({ lead: t("imports.lead") });
  page.cli("latchbolt user import FILE.csv");
  const groups = can("groups.read") ? await some("/groups", { limit: 200 }) : [];
  const letters = () => card(t("imports.everybody"), h("p", null, t("imports.everybody_lead")), form({
    go: t("imports.check"), fields: [
      { name: "group", label: t("users.group"), type: "select", options: [["", t("imports.any_group")], ...groups.map((group) => [group.name, group.name])] },
      { name: "without_device", label: t("imports.without_device"), type: "check", value: true },
    ],
    submit: async (values) => navigate(`/admin/jobs/${(await make("/imports/letters", values.group ? values : { without_device: values.without_device })).id}`),
  }));
  const kinds = KINDS.filter(([, permission]) => can(permission));
  const wanted = page.query.get("kind");
  if (wanted && kinds.some(([kind]) => kind === wanted)) history.replaceState(history.state, "", `/admin/imports?tab=${wanted}`);
  page.content.append(tabs(kinds.map(([kind]) => [kind, t(`imports.${kind}`), async () => [upload(kind), kind === "letters" && letters()]]), t("imports.kinds")));
}
