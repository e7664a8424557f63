// Draws a QR symbol that came by a request. It is rebuilt from its path and size; markup that came by a request is
// never put into the page.

/** The symbol as an element with this id and label; null: the text is none. */
export function symbol(svg, id, label) {
  const size = /viewBox="([0-9 ]{7,30})"/.exec(svg)?.[1];
  const path = / d="([MmHhVvLlZz0-9 .-]+)"/.exec(svg)?.[1];
  if (!size || !path) return null;
  const make = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const picture = make("svg", {
    id, role: "img", "aria-label": label, viewBox: size, "shape-rendering": "crispEdges",
  });
  picture.append(
    make("rect", { width: "100%", height: "100%", fill: "#fff" }),
    make("path", { d: path, fill: "#000" }),
  );
  return picture;
}
