// This phone is new: it offers to take the place of the phone that signs its owner in until now.
// The other phone's side is move.js; once its owner agreed, this phone enrols as every phone does (enrol.js).

import { moveState, offerMove, Refused } from "./api.js";
import { platform } from "./enrol.js";
import { one, show, shown } from "./screens.js";
import { problem, say } from "./words.js";

const EVERY = 2000;
const screen = one("#offering");
let current = null;
let whenAgreed = null;

function state(word) {
  screen.dataset.state = word;
  for (const part of screen.querySelectorAll("[data-on]")) {
    part.hidden = !part.dataset.on.split(" ").includes(word);
  }
}

// The symbol is rebuilt from its path and size; markup that came by a request is never put into the page.
function draw(svg) {
  const card = one("#offer-code");
  const size = /viewBox="([0-9 ]{7,30})"/.exec(svg)?.[1];
  const path = / d="([MmHhVvLlZz0-9 .-]+)"/.exec(svg)?.[1];
  card.replaceChildren();
  if (!size || !path) return;
  const make = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const label = card.dataset.label;
  const picture = make("svg", { role: "img", "aria-label": label, viewBox: size, "shape-rendering": "crispEdges" });
  picture.append(make("rect", { width: "100%", height: "100%", fill: "#fff" }), make("path", { d: path, fill: "#000" }));
  card.append(picture);
}

/** Shows an offer. `agreed(secret)` is called once the owner agreed on the other phone. */
export async function offer(agreed) {
  whenAgreed = agreed;
  const mine = (current = {});
  state("opening");
  show("offering");
  try {
    const opened = await offerMove(platform());
    if (current !== mine) return;
    mine.secret = opened.move;
    mine.ends = Date.now() + opened.expires_in * 1000;
    draw(opened.svg);
    one("#offer-link").textContent = opened.url;
    state("waiting");
    setTimeout(() => follow(mine), EVERY);
  } catch (error) {
    if (current === mine) fail(error);
  }
}

function fail(error) {
  current = null;
  if (error instanceof Refused && error.code === "gone") return state("over");
  one("#offer-why").textContent = problem(error);
  state("failed");
}

async function follow(mine) {
  if (current !== mine || shown() !== "offering") return;
  try {
    const stood = await moveState(mine.secret);
    if (current !== mine || shown() !== "offering") return;
    if (stood.state === "approved") {
      current = null;
      return whenAgreed(mine.secret);
    }
    if (stood.state === "denied") {
      current = null;
      return state("denied");
    }
    if (stood.state === "claimed") {
      one("#offer-for").textContent = say("new_number", { name: stood.username });
      one("#offer-number").textContent = stood.number;
      state("claimed");
    }
  } catch (error) {
    // Without a connection for a moment the offer still stands.
    const isPassing = error instanceof Refused && ["offline", "slow_down", "temporarily_unavailable"].includes(error.code);
    if (current !== mine || shown() !== "offering") return;
    if (!isPassing || Date.now() > mine.ends) return fail(error);
  }
  setTimeout(() => follow(mine), EVERY);
}

one("#offer-again").addEventListener("click", () => offer(whenAgreed));
