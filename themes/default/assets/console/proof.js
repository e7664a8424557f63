// A passkey shown anew without leaving the page: what was typed stays, and the deed that wanted it is asked for again.

import { ask, isSupported } from "../passkeys.js";
import { caller } from "./api.js";
import { h } from "./dom.js";
import { dialog, doing } from "./ui.js";
import { t } from "./words.js";

async function post(path, body = {}) {
  const answer = await fetch(path, {
    method: "POST", credentials: "same-origin", cache: "no-store", redirect: "error",
    headers: { accept: "application/json", "content-type": "application/json", "x-csrf-token": caller().csrf },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer.json();
}

async function given() {
  const { journey } = await post("/admin/proof");
  const credential = await ask(await post("/login/passkey/options", { journey }));
  if (!credential) throw new Error("no passkey");
  await post("/login/passkey", { journey, credential });
}

/** Asks for it. Answers whether it was given. */
export async function prove() {
  if (!caller()?.csrf || !isSupported) {
    dispatchEvent(new CustomEvent("console:signed-out"));
    return false;
  }
  const outcome = await dialog(t("proof.title"), (close) => {
    const wrong = h("p", { class: "alert", role: "alert", hidden: true }, t("proof.failed"));
    const go = doing(t("proof.go"), async () => {
      wrong.hidden = true;
      try {
        await given();
        close(true);
      } catch {
        wrong.hidden = false;
      }
    }, { kind: "primary" });
    go.setAttribute("autofocus", "");
    return h("div", { class: "stack" }, h("p", null, t("proof.lead")), wrong, h("div", { class: "row end" },
      h("button", { type: "button", onclick: () => close() }, t("frame.cancel")), go));
  });
  return outcome === true;
}
