// `/s`, the page that a plain camera app opens: hands the code to the phone app and does nothing else.
// Opening the page has no effect on the sign-in (a preview or a link scanner runs no script, and a
// prerendering browser waits here).

import { readFragment } from "./links.js";

function handOver() {
  const found = readFragment(location.hash);
  const link = document.querySelector("#open-phone");
  document.querySelector("#with-script").hidden = false;
  if (!found?.channel) return;
  const target = "/phone#1" + found.channel;
  if (link) link.href = target;
  location.replace(target);
}

if (document.prerendering) document.addEventListener("prerenderingchange", handOver, { once: true });
else handOver();
