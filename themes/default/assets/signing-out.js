// Goes on when all frames have loaded, and after two seconds in any case. Old words only: this runs in every browser
// that runs scripts at all.
(function () {
  var link = document.getElementById("logout-go-on");
  var gone = false;
  function go() {
    if (gone || !link) return;
    gone = true;
    window.location.replace(link.href);
  }
  // The window's load waits for its frames, also for those that fail.
  if (document.readyState === "complete") go();
  window.onload = go;
  window.setTimeout(go, 2000);
})();
