// Forms: fields from a list, what was wrong shown at the field.

import { add, fresh, h, put } from "./dom.js";
import { dialog, reason } from "./ui.js";
import { t } from "./words.js";

/**
 * A field: `{ name, label, type, value, options, hint, required, max, when }`.
 * Types: text, password, email, number, date, area, lines (a list, one a line), select, check, checks (several of `options`), json.
 * `options`: `[[value, label], …]`.
 */
function control(field, id, described) {
  const common = { id, name: field.name, required: field.required, "aria-describedby": described, autocomplete: field.autocomplete ?? "off", spellcheck: "false" };
  switch (field.type ?? "text") {
    case "area": return h("textarea", { ...common, rows: field.rows ?? 4, maxlength: field.max, value: field.value ?? "" });
    case "json": return h("textarea", { ...common, rows: field.rows ?? 8, class: "mono", value: field.value === undefined ? "" : JSON.stringify(field.value, null, 2) });
    case "lines": return h("textarea", { ...common, rows: field.rows ?? 3, value: (field.value ?? []).join("\n") });
    case "select": {
      const select = h("select", common, field.options.map(([value, label]) => h("option", { value }, label)));
      if (field.value !== undefined && field.value !== null) select.value = field.value;
      return select;
    }
    default: return h("input", {
      ...common, type: field.type === "words" ? "text" : field.type ?? "text", maxlength: field.max ?? (field.type === "number" ? null : 256), min: field.min, max: field.most, step: field.step,
      value: field.type === "words" ? (field.value ?? []).join(" ") : field.value ?? "", placeholder: field.placeholder, inputmode: field.inputmode, list: field.list, autocapitalize: "none",
    });
  }
}

function read(field, box) {
  const element = box.querySelector(`[name="${field.name}"]`);
  switch (field.type) {
    case "check": return element.checked;
    case "checks": return [...box.querySelectorAll(`[name="${field.name}"]:checked`)].map((each) => each.value);
    case "number": return element.value === "" ? null : Number(element.value);
    case "lines": return element.value.split("\n").map((line) => line.trim()).filter(Boolean);
    case "words": return element.value.split(/[\s,]+/).filter(Boolean);
    case "json": return element.value.trim() ? JSON.parse(element.value) : undefined;
    case "password": return element.value;
    default: return element.value.trim();
  }
}

function drawn(field) {
  const id = fresh("field");
  const hint = field.hint && h("p", { class: "quiet small", id: `${id}-hint` }, field.hint);
  const wrong = h("p", { class: "field-wrong", id: `${id}-wrong`, hidden: true });
  const described = [hint && `${id}-hint`, `${id}-wrong`].filter(Boolean).join(" ");
  let inner;
  if (field.type === "check") {
    inner = [h("label", { class: "check", for: id }, h("input", { type: "checkbox", id, name: field.name, checked: field.value ?? false, "aria-describedby": described }), h("span", null, field.label)), hint, wrong];
  } else if (field.type === "checks") {
    inner = h("fieldset", { class: "checks", "aria-describedby": described }, h("legend", null, field.label), hint,
      field.options.map(([value, label, disabled]) => {
        const each = fresh("field");
        return h("label", { class: "check", for: each }, h("input", { type: "checkbox", id: each, name: field.name, value, checked: (field.value ?? []).includes(value), disabled }), h("span", null, label));
      }), wrong);
  } else {
    inner = [h("label", { for: id }, field.label, !field.required && field.optional && h("span", { class: "quiet" }, ` (${t("frame.optional")})`)), control(field, id, described), hint, wrong];
  }
  const box = h("div", { class: "field", "data-field": field.name }, inner);
  const complain = (text) => {
    wrong.textContent = text;
    wrong.hidden = !text;
    for (const element of box.querySelectorAll("input, select, textarea")) {
      if (text) element.setAttribute("aria-invalid", "true");
      else element.removeAttribute("aria-invalid");
    }
  };
  return { field, box, complain, value: () => read(field, box), focus: () => box.querySelector("input, select, textarea")?.focus() };
}

/**
 * A form. `submit(values)` does it; a refusal is shown at the field it names. `go`: the button's word. `again`: what to do when
 * somebody else changed the thing meanwhile.
 */
export function form({ fields, submit, go, cancel = null, danger = false, again = null, extra = null }) {
  const all = fields.filter(Boolean).map(drawn);
  const alert = h("div", { class: "alert", role: "alert", hidden: true });
  const button = h("button", { type: "submit", class: danger ? "danger filled" : "primary" }, go);
  const element = h("form", { class: "stack form", method: "post", novalidate: true }, alert, all.map((each) => each.box), extra,
    h("div", { class: "row end" }, cancel && h("button", { type: "button", onclick: cancel }, t("frame.cancel")), button));
  const values = () => {
    const found = {};
    for (const each of all) {
      try {
        if (each.box.hidden) continue;
        const value = each.value();
        if (value !== undefined) found[each.field.name] = value;
      } catch {
        return [each, t("frame.bad_json")];
      }
    }
    return found;
  };
  const show = () => {
    const now = values();
    for (const each of all) if (each.field.when) each.box.hidden = Array.isArray(now) ? false : !each.field.when(now);
  };
  element.addEventListener("input", show);
  element.addEventListener("change", show);
  show();
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    alert.hidden = true;
    all.forEach((each) => each.complain(""));
    const empty = all.find((each) => !each.box.hidden && each.field.required && (each.value() === "" || each.value() === null || each.value()?.length === 0));
    if (empty) {
      empty.complain(t("frame.fill_in"));
      return empty.focus();
    }
    const now = values();
    if (Array.isArray(now)) {
      now[0].complain(now[1]);
      return now[0].focus();
    }
    button.setAttribute("aria-disabled", "true");
    try {
      await submit(now);
    } catch (error) {
      const name = error.field?.split(/[.[]/)[0];
      const at = all.find((each) => each.field.name === error.field) ?? all.find((each) => each.field.name === name);
      if (at) {
        // At its field the field need not be named once more.
        const said = reason(error);
        at.complain(said.startsWith(`${error.field}: `) ? said.slice(error.field.length + 2) : said);
        at.focus();
      } else {
        put(alert, h("span", null, reason(error)));
        if (error.status === 412 && again) add(alert, h("button", { type: "button", class: "small-button", onclick: again }, t("problem.reload")));
        alert.hidden = false;
        alert.tabIndex = -1;
        alert.focus();
      }
      if (!("status" in error)) console.error(error);
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
  return element;
}

/** A form in a dialog; resolves with what `submit` answered, or `null`. */
export function formDialog({ title, lead, wide, ...rest }) {
  return dialog(title, (close) => [lead && h("p", null, lead), form({
    ...rest,
    cancel: () => close(),
    submit: async (values) => close((await rest.submit(values)) ?? true),
  })], { wide });
}
