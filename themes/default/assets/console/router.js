// Which page an address means, and going there without loading everything anew.

let go = null;

/** `show(url)` is called for every address of the console. */
export function start(show) {
  go = show;
  addEventListener("popstate", () => show(new URL(location.href)));
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.target || link.hasAttribute("download") || !isOurs(link.href)) return;
    event.preventDefault();
    navigate(link.href);
  });
  show(new URL(location.href));
}

function isOurs(address) {
  const url = new URL(address, location.href);
  return url.origin === location.origin && /^\/admin(\/|$)/.test(url.pathname) && !/^\/admin\/(setup|texts)/.test(url.pathname);
}

/** Goes to an address of the console. */
export function navigate(address, { replace = false, state = null } = {}) {
  const url = new URL(address, location.href);
  if (replace) history.replaceState(state, "", url);
  else if (url.href !== location.href) history.pushState(state, "", url);
  go(url);
}
