// What a person does who has a keyboard and no mouse.

import assert from "node:assert/strict";

/** Presses Tab until the focus is on what this selector finds (with this text in it), and fails after a whole round. */
export async function tabTo(page, selector, text = "") {
  for (let tries = 0; tries < 150; tries += 1) {
    await page.keyboard.press("Tab");
    const isThere = await page.evaluate(([selector, text]) => {
      const here = document.activeElement;
      const words = `${here?.innerText ?? ""} ${here?.getAttribute("aria-label") ?? ""}`;
      return Boolean(here?.matches(selector)) && words.includes(text);
    }, [selector, text]);
    if (isThere) return;
  }
  assert.fail(`${selector} ${text} is not reached with the Tab key`);
}

/** Goes to a button or link with Tab and presses it. */
export async function press(page, selector, text, key = "Enter") {
  await tabTo(page, selector, text);
  await page.keyboard.press(key);
}

/** Goes to a field with Tab and types into it, in place of what is there. */
export async function type(page, selector, text) {
  await tabTo(page, selector);
  await page.keyboard.press("Control+A");
  await page.keyboard.type(text);
}

/**
 * Everything on the page (or in the dialog above it) that can be operated is reached with Tab, and shows that it is
 * (WCAG 2.1.1, 2.4.7); nothing holds the focus (2.1.2).
 */
export async function walk(page, name) {
  const expected = await page.evaluate(() => {
    const place = document.querySelector("dialog[open]") ?? document.querySelector("main");
    const wanted = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
    const left = new Set([...place.querySelectorAll(wanted)].filter((one) => {
      if (one.disabled || one.closest("[inert], [hidden]") || one.tabIndex < 0 || !one.checkVisibility({ visibilityProperty: true })) return false;
      // Of radio buttons with one name the chosen one has the focus, or the first.
      if (one.type !== "radio") return true;
      const group = [...place.querySelectorAll(`input[type=radio][name="${one.name}"]`)];
      return one === (group.find((each) => each.checked) ?? group[0]);
    }));
    const bare = [];
    const name = (one) => `${one.tagName.toLowerCase()}${one.id ? `#${one.id}` : ""} ${(one.getAttribute("aria-label") ?? one.innerText ?? "").trim().slice(0, 40)}`;
    const watch = (event) => {
      const one = event.target;
      if (!left.delete(one)) return;
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
      const isSeen = (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none";
      if (!isSeen) bare.push(name(one));
    };
    document.addEventListener("focusin", watch);
    // Tab begins at the start of the place.
    const hadIndex = place.getAttribute("tabindex");
    place.setAttribute("tabindex", "-1");
    place.focus({ preventScroll: true });
    if (hadIndex === null) place.removeAttribute("tabindex");
    else place.setAttribute("tabindex", hadIndex);
    globalThis.walked = () => ({ left: [...left].map(name), bare });
    return left.size;
  });
  // Fields for dates have several stops each.
  for (let presses = 0; presses < expected * 2 + 30; presses += 1) {
    await page.keyboard.press("Tab");
    if (presses >= expected - 1 && presses % 5 === 0 && (await page.evaluate(() => globalThis.walked().left.length)) === 0) break;
  }
  const { left, bare } = await page.evaluate(() => globalThis.walked());
  assert.deepEqual(left, [], `${name}: not reached with the Tab key`);
  assert.deepEqual(bare, [], `${name}: does not show that it has the focus`);
  await page.evaluate(() => document.activeElement?.blur());
}
