// "Continue as …?": counts the seconds that are left, and says when they are over. The server counts too.

const place = document.getElementById("cas-confirm-seconds");
const form = document.getElementById("cas-confirm-form");
const endsAt = performance.now() + Number(place.textContent) * 1000;
let isSent = false;

form.addEventListener("submit", () => {
  isSent = true;
});

const beat = setInterval(() => {
  const left = Math.max(0, Math.ceil((endsAt - performance.now()) / 1000));
  place.textContent = String(left);
  if (left > 0 || isSent) return;
  clearInterval(beat);
  form.hidden = true;
  const again = document.getElementById("cas-confirm-again");
  again.hidden = false;
  document.getElementById("cas-confirm-late").hidden = false;
  again.querySelector("a").focus();
}, 1_000);

// Back from another page: the question may be answered.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
