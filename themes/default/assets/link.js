// Takes the token of a mail's link out of the address, so that it is not kept in the history, and posts it: the page
// that comes back says what the link does and asks once more.
const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
const form = document.getElementById("link-open");
if (form && /^[A-Za-z0-9_-]{64}$/.test(token)) {
  form.querySelector("input[name=token]").value = token;
  form.submit();
} else {
  document.getElementById("link-none").hidden = false;
  document.getElementById("link-wait").hidden = true;
}
