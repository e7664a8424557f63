// The server's own keys.

import { h } from "../dom.js";
import { can, get, post } from "../api.js";
import { plainTable } from "../list.js";
import { ask, badge, card, doing, reason, shown, toast } from "../ui.js";
import { t, time } from "../words.js";

export default async function keys(page) {
  page.cli("latchbolt keys list --json");
  const place = h("div", { class: "stack" });
  page.content.append(place);
  // A key that was published only a moment ago is not known everywhere: said, and done only when asked again.
  const hasty = async (path, body, done) => {
    try {
      await post(path, body);
    } catch (error) {
      if (error.code !== "too_soon") return toast(reason(error), { kind: "bad" });
      if (!await ask({ title: t("keys.too_soon"), lead: [reason(error), t("keys.too_soon_lead")], go: t("keys.force"), danger: true })) return;
      await post(path, { ...body, force: true });
    }
    toast(done);
    draw();
  };
  page.head({
    lead: t("keys.lead"), actions: can("keys.write") && doing(t("keys.rotate"), async () => {
      if (await ask({ title: t("keys.rotate"), lead: t("keys.rotate_lead"), go: t("keys.rotate") })) await hasty("/keys/rotate", {}, t("keys.rotated"));
    }, { kind: "primary" }),
  });
  const draw = () => shown(place, async () => {
    const { items } = await get("/keys", {}, page.signal);
    return ["sig", "enc"].map((use) => card(t(`keys.use_${use}`), plainTable(t(`keys.use_${use}`), [t("keys.kid"), t("keys.alg"), t("users.state"), t("enrolments.made"), t("keys.retired"), can("keys.write") && t("frame.deed")].filter(Boolean),
      items.filter((key) => key.use === use).reverse().map((key) => [h("code", null, key.kid), key.alg, badge(key.state), time(key.created_at), key.retired_at ? time(key.retired_at) : "–", can("keys.write") && (key.state === "current" ? "–" : doing(t("keys.retire"), async () => {
        if (await ask({ title: t("keys.retire"), lead: [h("code", null, key.kid), t("keys.retire_lead")], go: t("keys.retire"), danger: true })) await hasty("/keys/retire", { kid: key.kid }, t("keys.retired_done"));
      }, { kind: "link danger", describe: key.kid }))].filter((cell) => cell !== false)))));
  });
  draw();
}
