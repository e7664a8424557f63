// Charts as pictures in the page, each with the same numbers as a table.

import { h, s } from "./dom.js";
import { plainTable } from "./list.js";
import { number, percent, t } from "./words.js";

const WIDTH = 640;

function framed(title, picture, table, legend = null) {
  return h("figure", { class: "chart" }, h("figcaption", null, h("h2", null, title)), legend, picture,
    h("details", null, h("summary", null, t("chart.as_table")), table));
}

/** Bars over time, one colour a series. `series`: `[[label, [number, …]], …]`; `ticks`: shorter labels for below. */
export function columns(title, labels, series, ticks = labels) {
  const height = 220;
  const totals = labels.map((_, at) => series.reduce((sum, [, values]) => sum + (values[at] ?? 0), 0));
  const top = nice(Math.max(1, ...totals));
  const [left, right, above, below] = [44, 4, 8, 26];
  const step = (WIDTH - left - right) / Math.max(1, labels.length);
  const y = (value) => above + (height - above - below) * (1 - value / top);
  const bars = labels.map((label, at) => {
    let base = 0;
    return series.map(([name, values], kind) => {
      const value = values[at] ?? 0;
      if (value === 0) return null;
      const bar = s("rect", { class: `c${kind % 6}`, x: left + at * step + step * 0.15, width: Math.max(1, step * 0.7), y: y(base + value), height: Math.max(1, y(base) - y(base + value)) },
        s("title", null, `${label}, ${name}: ${number(value)}`));
      base += value;
      return bar;
    });
  });
  const every = Math.ceil(labels.length / 7);
  const picture = s("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": t("chart.columns", { title, total: number(totals.reduce((a, b) => a + b, 0)) }) },
    [0, 0.5, 1].map((part) => [s("line", { class: "grid", x1: left, x2: WIDTH - right, y1: y(top * part), y2: y(top * part) }), s("text", { x: left - 8, y: y(top * part) + 4, "text-anchor": "end" }, number(top * part))]),
    bars, ticks.map((tick, at) => (at % every === 0 ? s("text", { class: (at / every) % 2 ? "tick-odd" : null, x: left + (at + 0.5) * step, y: height - 8, "text-anchor": "middle" }, tick) : null)));
  const legend = h("ul", { class: "legend" }, series.map(([name, values], kind) => h("li", null, s("svg", { viewBox: "0 0 10 10", class: "swatch", "aria-hidden": "true" }, s("rect", { class: `c${kind % 6}`, width: 10, height: 10, rx: 2 })), name, " ", h("strong", null, number(values.reduce((a, b) => a + b, 0))))));
  return framed(title, picture, plainTable(title, [t("chart.when"), ...series.map(([name]) => name)], labels.map((label, at) => [label, ...series.map(([, values]) => values[at] ?? 0)])), legend);
}

/** Lying bars, the longest first. `rows`: `[[label, number], …]`. */
export function bars(title, rows, none) {
  if (rows.length === 0) return h("figure", { class: "chart" }, h("figcaption", null, h("h2", null, title)), h("p", { class: "quiet" }, none));
  const most = Math.max(1, ...rows.map(([, value]) => value));
  const list = h("div", { class: "hbars", role: "img", "aria-label": t("chart.bars", { title, first: rows[0][0], value: number(rows[0][1]) }) }, rows.map(([label, value], at) => h("div", { class: "hbar" },
    h("span", { class: "hbar-label" }, label), s("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, s("rect", { class: at === 0 ? "c0" : "c0", width: Math.max(0.5, (value / most) * 100), height: 10 })), h("span", { class: "hbar-value" }, number(value)))));
  return framed(title, list, plainTable(title, [t("chart.what"), t("chart.count")], rows));
}

/** Steps that each lose some. `steps`: `[{ label, count, p50, p99 }]`, the times as words. */
export function funnel(title, steps) {
  const first = Math.max(1, steps[0]?.count ?? 0);
  const list = h("ol", { class: "funnel" }, steps.map((step, at) => h("li", null, h("div", { class: "funnel-head" }, h("span", null, step.label), h("strong", null, number(step.count)), at > 0 && h("span", { class: "quiet small" }, percent(Math.min(1, step.count / first)))),
    s("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" }, s("rect", { class: "track", width: 100, height: 8 }), s("rect", { class: "c0", width: Math.min(100, (step.count / first) * 100), height: 8 })),
    step.p50 && h("p", { class: "quiet small" }, t("chart.times", { p50: step.p50, p99: step.p99 })))));
  return framed(title, list, plainTable(title, [t("chart.step"), t("chart.count"), "p50", "p99"], steps.map((step) => [step.label, step.count, step.p50 ?? "–", step.p99 ?? "–"])));
}

/** The next round number above, so that lines stand at readable values. */
function nice(value) {
  const size = 10 ** Math.floor(Math.log10(value));
  const found = [1, 2, 4, 5, 10].map((factor) => factor * size).find((each) => each >= value) ?? value;
  return found < 2 ? 2 : found;
}
