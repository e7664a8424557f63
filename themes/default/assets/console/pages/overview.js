// How it goes: who signs in and how, where people give up, what waits for somebody.

import { h } from "../dom.js";
import { can, get } from "../api.js";
import { bars, columns, funnel } from "../chart.js";
import { shown } from "../ui.js";
import { duration, lang, n, number, t, word } from "../words.js";

const SPANS = [1, 7, 30, 90];

export default async function overview(page) {
  const days = SPANS.includes(Number(page.query.get("days"))) ? Number(page.query.get("days")) : 7;
  page.head({
    title: t("overview.title"), actions: h("div", { class: "row", role: "group", "aria-label": t("overview.span") }, SPANS.map((span) =>
      h("a", { class: span === days ? "button primary" : "button", href: span === 7 ? "/admin" : `/admin?days=${span}`, "aria-current": span === days ? "true" : null }, n("overview.days", span)))),
  });
  page.cli("latchbolt audit export --event session.started --format csv");
  const place = h("div", { class: "stack" });
  const attention = h("div", { class: "tiles" });
  page.content.append(attention, place);
  waiting(attention, page);
  await shown(place, async () => {
    const numbers = await get("/statistics/overview", { days }, page.signal);
    const series = (begin) => numbers.series.filter((each) => each.name.startsWith(begin));
    const day = { day: "numeric", month: "short" };
    const hour = { hour: "2-digit", minute: "2-digit" };
    const format = new Intl.DateTimeFormat(lang(), numbers.step_hours > 1 ? day : days > 1 ? { ...day, ...hour } : hour);
    const brief = new Intl.DateTimeFormat(lang(), days > 1 ? day : hour);
    const signIns = series("sign_in.");
    const [labels, ticks] = [format, brief].map((each) => (signIns[0]?.points ?? []).map((point) => each.format(new Date(point.at))));
    const total = signIns.reduce((sum, each) => sum + each.total, 0);
    const refused = series("refused.").filter((each) => each.total > 0).sort((a, b) => b.total - a.total);
    const counts = Object.fromEntries(numbers.series.map((each) => [each.name, each.total]));
    const tile = (label, value) => h("div", { class: "tile" }, h("span", { class: "quiet" }, label), h("strong", null, value));
    return [
      h("div", { class: "tiles" }, tile(t("overview.sign_ins"), number(total)), tile(t("overview.sessions"), `${number(numbers.active_sessions.count)}${numbers.active_sessions.capped ? "+" : ""}`),
        tile(t("overview.enrolled"), number(counts["enrolment.used"] ?? 0)), tile(t("overview.refused"), number(refused.reduce((sum, each) => sum + each.total, 0)))),
      h("div", { class: "columns" },
        columns(t("overview.by_method"), labels, signIns.map((each) => [word("method", each.name.split(".")[1]), each.points.map((point) => point.count)]), ticks),
        funnel(t("overview.funnel"), numbers.funnel.map((step) => ({
          label: t(`overview.step_${step.step}`), count: step.count,
          p50: step.p50_from_ms === undefined || step.p50_from_ms === null ? null : t("overview.up_to", { time: duration(step.p50_ms) }),
          p99: step.p99_from_ms === undefined || step.p99_from_ms === null ? null : t("overview.up_to", { time: duration(step.p99_ms) }),
        }))),
        bars(t("overview.refusals"), refused.map((each) => [t(`overview.refused_${each.name.split(".")[1]}`), each.total]), t("overview.no_refusals")),
        bars(t("overview.by_phone"), [["denied", counts["qr.denied"] ?? 0], ["reported", counts["qr.reported"] ?? 0]].filter(([, count]) => count > 0).map(([name, count]) => [t(`overview.${name}`), count]), t("overview.no_denials"))),
    ];
  });
}

/** What waits for somebody: only what there is, and only what the caller may do something about. */
async function waiting(place, page) {
  const count = async (permission, path, query, href, label, counts = () => true) => {
    if (!can(permission)) return;
    try {
      const answer = await get(path, { ...query, limit: 50 }, page.signal);
      const many = answer.total ?? answer.items.filter(counts).length;
      if (many > 0) place.append(h("a", { class: "tile attention", href }, h("span", { class: "quiet" }, label), h("strong", null, answer.next && !answer.total ? `${number(many)}+` : number(many))));
    } catch {
      // The rest of the page says what is wrong.
    }
  };
  await Promise.all([
    count("devices.read", "/approvals", {}, "/admin/approvals", t("overview.wait_approvals")),
    count("recoveries.read", "/recoveries", { state: "open" }, "/admin/recoveries?state=open", t("overview.wait_recoveries"), (each) => each.state === "ready"),
    count("devices.read", "/devices", { state: "suspended" }, "/admin/devices?state=suspended", t("overview.wait_suspended")),
  ]);
}
