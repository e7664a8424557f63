// Takes the setup code out of the address, so that it is neither seen nor kept in the history.
const code = location.hash.slice(1);
const field = document.getElementById("token");
if (field && /^[A-Za-z0-9_-]{43}$/.test(code)) {
  field.value = code;
  history.replaceState(null, "", location.pathname);
  document.getElementById("username")?.focus();
}
