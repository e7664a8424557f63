// Takes the token of a recovery's link out of the address, so that it is not kept in the history, and puts it into the
// form. A form that came back with an error holds it already. Who comes without a link reads what to do instead.
const token = location.hash.slice(1);
const field = document.querySelector("#recover input[name=token]");
history.replaceState(null, "", location.pathname);
if (/^r1[A-Za-z0-9_-]{43}$/.test(token)) field.value = token.slice(2);
if (!field.value) {
  document.getElementById("recover-none").hidden = !token;
  document.getElementById("recover-with").hidden = true;
}
