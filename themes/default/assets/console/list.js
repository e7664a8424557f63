// The list that every page with many things uses: search, filters, sorting and the page in the address; selection and bulk
// deeds; export. The server searches, sorts and cuts pages.

import { fresh, h, icon, put } from "./dom.js";
import { all, get } from "./api.js";
import { empty, failed, save, say } from "./ui.js";
import { n, number, t } from "./words.js";

const PAGE = 50;
const MOST_EXPORTED = 10_000;

/**
 * `path`: of the API. `columns`: `[{ key, label, cell(row), sort?, main?, text?(row) }]`; `text` is what an export writes.
 * `filters`: `[{ name, label, options | type }]`. `search`: the label of the search field. `fixed`: a query that always holds.
 * `bulk`: `[{ label, run(ids, rows, filter), danger?, when?(row) }]`; `matching(query)`: the filter of `/bulk` that finds the same,
 * or nothing: then everything that fits may be chosen, and `run` gets no ids but that filter. `id(row)`. `empty`: the sentence for nothing at all, with
 * `emptyAction`. `file`: the name of exports. `local`: the state is not in the address (a list in a tab).
 */
export function list(options) {
  const { path, columns, filters = [], search = null, fixed = {}, bulk = [], id = (row) => row.id, local = false, sort: firstSort = "" } = options;
  const limit = options.limit ?? PAGE;
  const state = { q: "", sort: firstSort, cursor: "", trail: [], filters: {} };
  let chosen = new Map();
  let rows = [];
  let more = false;
  // What the server would find for everything that fits, once that was chosen.
  let everything = null;
  let asking = null;

  const table = h("table", { class: "rows-table", role: "table", "aria-label": options.label });
  const body = h("tbody", { role: "rowgroup" });
  const pager = h("nav", { class: "pager", "aria-label": t("list.pages") });
  const count = h("p", { class: "quiet small list-count" });
  const bulkBar = h("div", { class: "bulk", role: "region", "aria-label": t("list.selection"), hidden: true });
  const place = h("div", { class: "list-body" });
  const all_ = bulk.length ? h("input", { type: "checkbox", "aria-label": t("list.choose_all") }) : null;

  const fromAddress = () => {
    const query = local ? new URLSearchParams() : new URLSearchParams(location.search);
    state.q = query.get("q") ?? "";
    state.sort = query.get("sort") ?? firstSort;
    state.cursor = query.get("cursor") ?? "";
    state.trail = (!local && history.state?.trail) || [];
    for (const { name, value = "" } of filters) state.filters[name] = query.get(name) ?? value;
  };
  const toAddress = (push) => {
    if (local) return;
    const url = new URL(location.href);
    const set = (name, value, usual = "") => (value && value !== usual ? url.searchParams.set(name, value) : url.searchParams.delete(name));
    set("q", state.q);
    set("sort", state.sort, firstSort);
    set("cursor", state.cursor);
    for (const { name, value = "" } of filters) {
      if (value && state.filters[name] === "") url.searchParams.set(name, "");
      else set(name, state.filters[name], value);
    }
    history[push ? "pushState" : "replaceState"]({ trail: state.trail }, "", url);
    options.changed?.(state, query());
  };
  const query = () => {
    const used = { ...fixed, sort: state.sort };
    if (state.q) used.q = state.q;
    for (const filter of filters) {
      const value = state.filters[filter.name];
      if (value !== "") used[filter.name] = filter.send ? filter.send(value) : value;
    }
    return used;
  };
  const changed = (push) => {
    state.cursor = "";
    state.trail = [];
    choose(new Map());
    toAddress(push);
    return reload();
  };

  const choose = (next, filter = null) => {
    chosen = next;
    everything = filter;
    for (const box of body.querySelectorAll("input[data-row]")) {
      box.checked = chosen.has(box.dataset.row);
      box.closest("tr").classList.toggle("chosen", box.checked);
    }
    if (all_) {
      all_.checked = rows.length > 0 && rows.every((row) => chosen.has(String(id(row))));
      all_.indeterminate = !all_.checked && chosen.size > 0;
    }
    bulkBar.hidden = chosen.size === 0;
    if (chosen.size === 0) return;
    const picked = [...chosen.values()];
    const isPage = rows.length > 0 && rows.every((row) => chosen.has(String(id(row))));
    const fitting = more && isPage && !everything ? options.matching?.(query()) : null;
    put(bulkBar, h("strong", { role: "status" }, everything ? t("list.all_chosen") : n("list.chosen", chosen.size)), fitting && h("button", {
      type: "button", class: "link", onclick: () => {
        choose(chosen, fitting);
        bulkBar.querySelector("button")?.focus();
      },
    }, t("list.choose_matching")), bulk.filter((deed) => !deed.when || everything || picked.every(deed.when)).map((deed) =>
      h("button", {
        type: "button", class: deed.danger ? "danger" : "", onclick: async () => {
          if (await deed.run(everything ? null : [...chosen.keys()], picked, everything)) {
            choose(new Map());
            reload();
          }
        },
      }, deed.label)), h("button", { type: "button", class: "link", onclick: () => choose(new Map()) }, t("list.choose_none")));
  };

  const head = () => h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, all_ && h("th", { role: "columnheader", scope: "col", class: "tick" }, all_),
    columns.map((column) => {
      const by = state.sort.replace(/^-/, "");
      const now = column.sort && by === column.sort ? (state.sort.startsWith("-") ? "descending" : "ascending") : null;
      return h("th", { role: "columnheader", scope: "col", "aria-sort": now, class: column.class }, column.sort ? h("button", {
        type: "button", class: "sort", onclick: () => {
          state.sort = now === "ascending" ? `-${column.sort}` : column.sort;
          changed(true).then(() => table.querySelector(`[data-sort="${column.sort}"]`)?.focus());
        }, "data-sort": column.sort,
      }, column.label, now && icon(now === "ascending" ? "up" : "down")) : column.label);
    })));

  const line = (row) => {
    const key = String(id(row));
    const box = bulk.length ? h("input", {
      type: "checkbox", "data-row": key, "aria-label": t("list.choose", { name: options.name?.(row) ?? key }), onchange: (event) => {
        const next = new Map(chosen);
        if (event.currentTarget.checked) next.set(key, row);
        else next.delete(key);
        choose(next);
      },
    }) : null;
    return h("tr", { role: "row" }, box && h("td", { role: "cell", class: "tick" }, box), columns.map((column) =>
      h(column.main ? "th" : "td", { role: column.main ? "rowheader" : "cell", scope: column.main ? "row" : null, class: column.class, "data-label": column.main ? null : column.label }, h("div", { class: "cell" }, column.cell(row)))));
  };

  const isNarrowed = () => Boolean(state.q) || filters.some(({ name, value = "" }) => state.filters[name] !== value);

  async function reload() {
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    place.setAttribute("aria-busy", "true");
    try {
      const answer = await get(path, { ...query(), cursor: state.cursor, limit }, signal);
      if (signal.aborted) return;
      rows = answer.items;
      more = Boolean(answer.next || state.cursor);
      if (rows.length === 0 && answer.next) {
        // Searched so far in bounded steps: there may be more further on.
        put(place, empty(t("list.nothing_here")));
      } else if (rows.length === 0) {
        put(place, isNarrowed() ? empty(t("list.nothing_found"), h("button", { type: "button", onclick: clear }, t("list.clear"))) : empty(options.empty ?? t("list.nothing"), options.emptyAction));
      } else {
        put(body, rows.map(line));
        put(table, head(), body);
        put(place, table);
      }
      // Whoever was chosen on another page stays chosen.
      choose(chosen, everything);
      put(count, answer.total === null || answer.total === undefined ? n("list.shown", rows.length) : n("list.total", answer.total));
      say(count.textContent);
      put(pager, (state.cursor || state.trail.length > 0) && h("button", { type: "button", onclick: () => turn(-1) }, icon("back"), t("list.back")),
        answer.next && h("button", { type: "button", onclick: () => turn(1, answer.next) }, t("list.next"), icon("next")));
    } catch (error) {
      if (error.name === "AbortError") return;
      put(place, failed(error, reload));
      put(count);
      put(pager);
    } finally {
      if (!signal.aborted) place.removeAttribute("aria-busy");
    }
  }

  function turn(step, next) {
    if (step > 0) {
      state.trail = [...state.trail, state.cursor];
      state.cursor = next;
    } else {
      state.cursor = state.trail.at(-1) ?? "";
      state.trail = state.trail.slice(0, -1);
    }
    toAddress(true);
    return reload().then(() => {
      (local ? place : document.getElementById("page")).scrollIntoView({ block: "start" });
      place.querySelector("a, button, input")?.focus({ preventScroll: true });
    });
  }

  function clear() {
    state.q = "";
    for (const { name } of filters) state.filters[name] = "";
    const field = bar.querySelector("input[type=search]");
    if (field) field.value = "";
    for (const select of bar.querySelectorAll("[data-filter]")) select.value = "";
    changed(true);
    field?.focus();
  }

  fromAddress();
  let typing = null;
  const searchId = fresh("search");
  const bar = h("div", { class: "list-bar", role: "search" },
    search && h("div", { class: "field grow" }, h("label", { for: searchId, class: "hear" }, search), h("div", { class: "with-icon" }, icon("search"), h("input", {
      id: searchId, type: "search", placeholder: search, value: state.q, maxlength: 120, autocomplete: "off", spellcheck: "false", autocapitalize: "none", "data-search": true, oninput: (event) => {
        const { value } = event.currentTarget;
        clearTimeout(typing);
        typing = setTimeout(() => {
          if (value.trim() === state.q) return;
          state.q = value.trim();
          changed(false);
        }, 250);
      },
    }))),
    filters.map((filter) => {
      const field = fresh("filter");
      const set = (event) => {
        state.filters[filter.name] = event.currentTarget.value;
        changed(true);
      };
      const shared = { id: field, "data-filter": filter.name, onchange: set };
      const element = filter.options ? h("select", shared, h("option", { value: "" }, t("list.any")), filter.options.map(([value, label]) => h("option", { value }, label)))
        : h("input", { ...shared, type: filter.type ?? "text", maxlength: 200, autocomplete: "off", spellcheck: "false", autocapitalize: "none", list: filter.list });
      element.value = state.filters[filter.name];
      return h("div", { class: "field filter" }, h("label", { for: field }, filter.label), element);
    }), options.tools);
  if (all_) {
    all_.addEventListener("change", () => {
      const next = new Map(chosen);
      for (const row of rows) {
        if (all_.checked) next.set(String(id(row)), row);
        else next.delete(String(id(row)));
      }
      choose(next);
    });
  }

  const texts = () => columns.filter((column) => column.text).map((column) => [column.label, column.text]);
  const exported = async (kind) => {
    const everything = await all(path, query(), MOST_EXPORTED);
    if (kind === "json") save(`${options.file}.json`, "application/json", JSON.stringify(everything, null, 2));
    else save(`${options.file}.csv`, "text/csv;charset=utf-8", csv([texts().map(([label]) => label), ...everything.map((row) => texts().map(([, text]) => text(row)))]));
    say(n("list.exported", everything.length));
  };
  const tools = options.file && h("div", { class: "row list-tools" }, ["csv", "json"].map((kind) => h("button", {
    type: "button", class: "link", onclick: (event) => {
      const button = event.currentTarget;
      button.disabled = true;
      exported(kind).catch((error) => put(place, failed(error, reload))).finally(() => { button.disabled = false; });
    },
  }, icon("download"), t("list.export", { kind: kind.toUpperCase() }))));

  const element = h("div", { class: "list-box" }, (search || filters.length > 0 || options.tools) && bar, bulkBar, place, h("div", { class: "list-foot" }, count, tools, pager));
  element.reload = reload;
  element.query = query;
  put(place, h("p", { class: "quiet waiting" }, h("span", { class: "spin", "aria-hidden": "true" }), t("frame.loading")));
  options.changed?.(state, query());
  reload();
  return element;
}

/** A table of comma-separated values; cells that a spreadsheet would run are defused. */
export function csv(lines) {
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : Array.isArray(value) ? value.join("; ") : String(value);
    const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r;]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return `${lines.map((line) => line.map(cell).join(",")).join("\r\n")}\r\n`;
}

/** A small table of values that are all there. */
export function plainTable(label, heads, lines) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, h("table", { class: "table", role: "table" }, h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads.map((text) => h("th", { role: "columnheader", scope: "col" }, text)))),
    h("tbody", { role: "rowgroup" }, lines.map((cells) => h("tr", { role: "row" }, cells.map((cell, at) => (at === 0 ? h("th", { role: "rowheader", scope: "row" }, cell)
      : h("td", { role: "cell", "data-label": heads[at] }, h("div", { class: "cell" }, typeof cell === "number" ? number(cell) : cell)))))))));
}

