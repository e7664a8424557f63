// The phone web app: decides which screen comes first, and what a link means.
//
// Files: messages.js (what is signed), keys.js (who this phone is), api.js, passkey.js, scanner.js, links.js,
// and a module for each part of the page: enrol.js, home.js, upkeep.js, renew.js, claim.js, offer.js (this phone is
// the new one), move.js (this phone is the old one).

import { openClaim } from "./claim.js";
import { enrol } from "./enrol.js";
import { home, stopScan } from "./home.js";
import { forgetPhone, loadPhone } from "./keys.js";
import { readFragment } from "./links.js";
import { answerMove, explainMove } from "./move.js";
import { offer } from "./offer.js";
import { isSupported } from "./passkey.js";
import { explainRenewal, settle } from "./renew.js";
import { issuer, one, show, shown } from "./screens.js";

let phone = null;

function opened(found) {
  stopScan();
  if (!phone) return enrol({ scanned: Boolean(found.channel) }, enrolled);
  if (found.offer) answerMove(phone, found.offer, moved);
  else openClaim(phone, found.channel);
}

// Another phone has this one's place: nothing here signs for anybody any more.
async function moved() {
  phone = null;
  await forgetPhone();
}

function atHome(said = null) {
  if (phone) home(phone, opened, () => again(), said);
  else enrol({}, enrolled);
}

// What is kept is the truth: this tab may hold the key that the phone had before.
async function again(said = null) {
  phone = (await loadPhone()) ?? null;
  atHome(said);
}

const enrolled = () => again("enrolled");
const renewed = () => again("renewed");

// The fragment is read once and taken off the address: it stays in no history and on no shared screen.
function takeLink() {
  const found = readFragment(location.hash);
  if (location.hash !== "") history.replaceState(null, "", location.pathname);
  return found;
}

function follow(link) {
  if (link?.token) return enrol({ token: link.token, replaces: phone?.account.name }, enrolled);
  if (link?.channel || link?.offer) return opened(link);
  atHome();
}

async function start() {
  if (!isSecureContext || !crypto.subtle || !isSupported()) return show("unsupported");
  try {
    phone = (await loadPhone()) ?? null;
  } catch {
    // No storage: a private window, or it is switched off.
    return show("unsupported");
  }
  // The service moved to another name: what was signed for the old one is worth nothing here.
  if (phone && phone.issuer !== issuer) {
    await forgetPhone();
    phone = null;
  }
  if (phone?.next) phone = await settle(phone).catch(() => phone);
  follow(takeLink());
}

document.addEventListener("click", async (event) => {
  const target = event.target.closest("[data-go]")?.dataset.go;
  if (target === "home") atHome();
  else if (target === "removing") show("removing");
  else if (target === "offering") offer((moving) => enrol({ moving }, enrolled));
  else if (target === "moving") explainMove();
  else if (target === "renewing") explainRenewal(phone, renewed);
  else if (target === "enrolling") {
    phone = (await loadPhone()) ?? null;
    enrol({ replaces: phone?.account.name }, enrolled);
  }
});
one("#again").addEventListener("click", async () => {
  await forgetPhone();
  phone = null;
  enrol({}, enrolled);
});
addEventListener("hashchange", async () => {
  const link = takeLink();
  // What is being decided is not swept away by a link.
  const decided = { claim: "#claim", moving: "#moving" }[shown()];
  const isDeciding = Boolean(decided) && ["verifying", "sending"].includes(one(decided).dataset.state);
  if (!link || isDeciding) return;
  phone = (await loadPhone()) ?? null;
  follow(link);
});

// Keeps the start-up files for a quick start and for saying "no connection" offline. Nothing else.
if ("serviceWorker" in navigator && isSecureContext) {
  const address = "/phone/sw.js";
  const policy = globalThis.trustedTypes?.createPolicy("phone", {
    createScriptURL: (url) => (url === address ? url : ""),
  });
  navigator.serviceWorker
    .register(policy ? policy.createScriptURL(address) : address, { scope: "/phone", updateViaCache: "none" })
    .catch(() => {});
}

// A page that is only being prepared must not claim anything.
if (document.prerendering) document.addEventListener("prerenderingchange", start, { once: true });
else start();
