// The service worker of the phone web app. The server puts `const FILES = […]` (start-up files, by their hashed
// names) and `const VERSION = "…"` before this text.
//
// It keeps those files and the bare page, and nothing else: no answer of the API, nothing of anybody's.

const CACHE = "phone-" + VERSION;
const PAGE = "/phone";

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(CACHE);
      await cache.addAll(FILES);
      await cache.add(new Request(PAGE, { cache: "no-store", credentials: "omit" }));
      await self.skipWaiting();
    })(),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (FILES.includes(url.pathname)) {
    event.respondWith(caches.match(url.pathname).then((kept) => kept ?? fetch(request)));
  } else if (request.mode === "navigate" && url.pathname === PAGE) {
    // The page itself always comes fresh; the kept one only says that there is no connection.
    event.respondWith(fetch(request).catch(() => caches.match(PAGE)));
  }
});
