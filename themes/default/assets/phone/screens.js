// Which part of the page is shown. One at a time; its heading gets the focus, so that a screen reader says
// where one is.

const main = document.querySelector("#phone");

export const one = (selector) => main.querySelector(selector);
export const issuer = main.dataset.issuer;
export const provider = main.dataset.provider;

/** Shows a screen by its id. */
export function show(id) {
  for (const screen of main.querySelectorAll(":scope > .screen")) screen.hidden = screen.id !== id;
  main.dataset.screen = id;
  scrollTo(0, 0);
  one("#" + id + " h2")?.focus({ preventScroll: true });
}

export const shown = () => main.dataset.screen;

/** Says something in an alert, or hides it when there is nothing to say. */
export function alertIn(selector, text) {
  const place = one(selector);
  place.textContent = text ?? "";
  place.hidden = !text;
}

/** Keeps buttons from being pressed twice while something is under way. */
export async function busy(buttons, work) {
  for (const button of buttons) button.disabled = true;
  try {
    return await work();
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}
