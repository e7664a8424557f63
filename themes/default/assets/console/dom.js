// Elements, made without markup strings.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "indeterminate" || name === "selected") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  add(element, children);
  return element;
}

/** Appends texts, elements and lists of them; `null`, `undefined` and `false` are nothing. */
export function add(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** `h("a", { href, class: "x", onclick }, "text", child)`: an HTML element. */
export function h(tag, props = null, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same for SVG. */
export function s(tag, props = null, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

/** Puts these in the place of everything that is there. */
export function put(element, ...children) {
  element.replaceChildren();
  return add(element, children);
}

let last = 0;
/** An id that no other element has. */
export const fresh = (word = "c") => `${word}-${++last}`;

const ICONS = {
  overview: "M4 13h6V4H4zM14 20h6V4h-6zM4 20h6v-3H4z",
  users: "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM2 21v-1a6 6 0 0 1 6-6h2a6 6 0 0 1 6 6v1M16 3.500a4 4 0 0 1 0 7M19 14.500a6 6 0 0 1 3 5.500v1",
  groups: "M12 3l9 5-9 5-9-5zM3 13l9 5 9-5",
  devices: "M7 2h10a1 1 0 0 1 1 1v18a1 1 0 0 1-1 1H7a1 1 0 0 1-1-1V3a1 1 0 0 1 1-1zM11 18.500h2",
  enrolments: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h3v3h-3zM20 17v3h-3",
  approvals: "M4 12l5 5L20 6",
  imports: "M12 3v12M7 10l5 5 5-5M4 20h16",
  clients: "M3 5h18v14H3zM3 9h18M6.500 7h.1",
  sessions: "M3 4h18v12H3zM8 20h8M12 16v4",
  consents: "M6 3h9l4 4v14H6zM9 13l2 2 4-4",
  keys: "M14 10a4 4 0 1 0-3.500 4L12 15.500V18h2.500v2.500H18v-3l-4.500-4.500A4 4 0 0 0 14 10z",
  audit: "M5 4h14v17H5zM8 9h8M8 13h8M8 17h5",
  policies: "M12 3l8 3v6c0 5-3.500 8-8 9-4.500-1-8-4-8-9V6z",
  "api-keys": "M8 8l-4 4 4 4M16 8l4 4-4 4M13.500 6l-3 12",
  recoveries: "M12 21a9 9 0 1 1 9-9M12 7v5l3 2M21 16v5h-5",
  notices: "M4 5h16v14H4zM4 6l8 7 8-7",
  jobs: "M4 6h10M4 12h16M4 18h7M17 4v4M14 16v4",
  claims: "M4 7l8-4 8 4-8 4zM4 7v10l8 4 8-4V7",
  search: "M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM15.500 15.500L21 21",
  menu: "M4 6h16M4 12h16M4 18h16",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  plus: "M12 5v14M5 12h14",
  back: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  up: "M6 15l6-6 6 6",
  down: "M6 9l6 6 6-6",
  warn: "M12 4l9 16H3zM12 10v4M12 17.500v.1",
  download: "M12 3v12M7 10l5 5 5-5M4 20h16",
  undo: "M9 14l-5-5 5-5M4 9h11a5 5 0 0 1 0 10h-3",
  out: "M14 4h6v16h-6M4 12h11M11 8l4 4-4 4",
};

/** A picture that says nothing by itself: its words stand beside it. */
export function icon(name) {
  return s("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" }, s("path", { d: ICONS[name] ?? ICONS.overview }));
}
