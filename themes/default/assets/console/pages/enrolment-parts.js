// Making an enrolment, wherever it is asked for: the way, then the secret, which is shown once.

import { h, put } from "../dom.js";
import { get, make, remove } from "../api.js";
import { form } from "../forms.js";
import { attempt, copyable, dialog, qr, say, toast } from "../ui.js";
import { t, time } from "../words.js";

/** Asks for the person unless given, then shows the secret until it is used, over or closed. */
export function enrol(person = null, first = "link") {
  return dialog(t("enrolments.new"), (close) => {
    const place = h("div", { class: "stack" });
    put(place, form({
      go: t("enrolments.make"), cancel: () => close(), fields: [
        !person && { name: "user", label: t("enrolments.user"), required: true, hint: t("enrolments.user_hint"), max: 128 },
        { name: "kind", label: t("enrolments.kind"), type: "select", value: first, options: ["link", "code", "letter"].map((kind) => [kind, t(`enrolments.kind_${kind}`)]) },
      ],
      submit: async (values) => {
        const made = await make("/enrolments", { user: person?.id ?? values.user, kind: values.kind });
        put(place, secret(made, close));
        place.querySelector("h3")?.focus();
      },
    }));
    return place;
  });
}

function secret(made, close) {
  const left = h("strong", { role: "timer" });
  const status = h("p", { class: "qr-status", role: "status" }, h("span", { class: "dot", "aria-hidden": "true" }), t("enrolments.waiting"));
  const box = h("div", { class: "secret" }, h("h3", { tabindex: "-1" }, t("enrolments.ready", { name: made.user.username })),
    made.qr && qr(made.qr, t("enrolments.qr")), h("p", { class: "quiet" }, t(`enrolments.how_${made.kind}`)),
    made.code && h("p", null, h("span", { class: "quiet small" }, t("enrolments.code")), h("br"), h("strong", { class: "code-large mono" }, made.code)),
    made.url && copyable(made.url, t("enrolments.copy_link")), status, h("p", null, t("enrolments.until", { time: time(made.expires_at) }), " ", left),
    h("div", { class: "row" }, h("button", { type: "button", class: "danger", onclick: async () => { if (await attempt(() => remove(`/enrolments/${made.id}`), t("enrolments.cancelled"))) close(true); } }, t("enrolments.cancel")),
      h("button", { type: "button", class: "primary", onclick: () => close(true) }, t("frame.done"))));
  const timer = setInterval(async () => {
    if (!box.isConnected) return clearInterval(timer);
    const seconds = Math.round((Date.parse(made.expires_at) - Date.now()) / 1000);
    left.textContent = seconds > 0 && seconds < 3600 ? `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` : "";
    if (seconds <= 0) return over(t("enrolments.over"));
    if (seconds % 2 === 0) {
      const now = await get(`/enrolments/${made.id}`).catch(() => null);
      if (!now || !box.isConnected || now.state === "open") return;
      if (now.state === "begun") return put(status, h("span", { class: "dot", "aria-hidden": "true" }), t("enrolments.begun"));
      if (now.state === "completed") {
        toast(t("enrolments.completed", { name: made.user.username }));
        return over(t("enrolments.completed", { name: made.user.username }));
      }
      over(t("enrolments.over"));
    }
  }, 1000);
  function over(text) {
    clearInterval(timer);
    for (const gone of box.querySelectorAll(".qr-card, .copyable, .code-large, [role=timer]")) gone.remove();
    put(status, text);
    say(text);
  }
  return box;
}
