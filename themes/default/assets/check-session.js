// Answers a client's page whether its person's state changed (OpenID Connect Session Management 1.0, section 3.2).
// The hash is that of provider::session_state. It is made here by hand, because a page that is framed by one without
// https is not given the browser's own.
(function () {
  "use strict";
  var NAME = "__Host-lb_state=";

  function browserState() {
    var all = document.cookie.split(";");
    for (var i = 0; i < all.length; i++) {
      var one = all[i].replace(/^ +/, "");
      if (one.indexOf(NAME) === 0) return one.slice(NAME.length);
    }
    return "";
  }

  // FIPS 180-4: the first 32 bits of the fractions of the cube and square roots of the first primes.
  var K = [], H = [];
  (function () {
    function part(x) { return ((x - Math.floor(x)) * 4294967296) | 0; }
    for (var n = 2; K.length < 64; n++) {
      var prime = true;
      for (var d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
      if (!prime) continue;
      if (H.length < 8) H.push(part(Math.pow(n, 1 / 2)));
      K.push(part(Math.pow(n, 1 / 3)));
    }
  })();

  function right(x, by) { return (x >>> by) | (x << (32 - by)); }

  function sha256(text) {
    var bytes = unescape(encodeURIComponent(text)), length = bytes.length, words = [], h = H.slice(0), i, t;
    for (i = 0; i < length; i++) words[i >> 2] |= bytes.charCodeAt(i) << (24 - (i % 4) * 8);
    words[length >> 2] |= 128 << (24 - (length % 4) * 8);
    var last = (((length + 8) >> 6) << 4) + 15;
    words[last] = length * 8;
    for (var at = 0; at <= last; at += 16) {
      var w = [], s = h.slice(0);
      for (t = 0; t < 64; t++) {
        if (t < 16) {
          w[t] = words[at + t] | 0;
        } else {
          var a = w[t - 15], b = w[t - 2];
          w[t] = (w[t - 16] + (right(a, 7) ^ right(a, 18) ^ (a >>> 3)) + w[t - 7]
            + (right(b, 17) ^ right(b, 19) ^ (b >>> 10))) | 0;
        }
        var one = (s[7] + (right(s[4], 6) ^ right(s[4], 11) ^ right(s[4], 25))
          + ((s[4] & s[5]) ^ (~s[4] & s[6])) + K[t] + w[t]) | 0;
        var two = ((right(s[0], 2) ^ right(s[0], 13) ^ right(s[0], 22))
          + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]))) | 0;
        s = [(one + two) | 0, s[0], s[1], s[2], (s[3] + one) | 0, s[4], s[5], s[6]];
      }
      for (i = 0; i < 8; i++) h[i] = (h[i] + s[i]) | 0;
    }
    var out = "";
    for (i = 0; i < 32; i++) out += String.fromCharCode((h[i >> 2] >>> (24 - (i % 4) * 8)) & 255);
    return btoa(out).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  function answer(message, origin) {
    if (typeof message !== "string" || message.length > 1000) return "error";
    var blank = message.lastIndexOf(" "), client = message.slice(0, blank), state = message.slice(blank + 1);
    var dot = state.lastIndexOf(".");
    if (blank < 1 || dot < 1) return "error";
    var own = browserState();
    // Nobody is signed in, for whom a state could be given. The empty state is one that every site can hash: it would
    // learn by it whether somebody is signed in here.
    if (!own) return "changed";
    var hash = sha256(client + " " + origin + " " + own + " " + state.slice(dot + 1));
    return hash === state.slice(0, dot) ? "unchanged" : "changed";
  }

  window.addEventListener("message", function (event) {
    if (!event.source || event.source === window || event.origin === "null") return;
    event.source.postMessage(answer(event.data, event.origin), event.origin);
  });
})();
