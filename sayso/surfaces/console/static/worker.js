// Shows what is pushed, opens its page when it is clicked, and says so when there is no connection.
// It keeps no page and no answer: there is no cache in it. `SAYSO` stands above it, see install.py.
"use strict";

const scope = self.registration.scope;
const words = SAYSO.words[new URL(self.location).searchParams.get("in")] || SAYSO.words.en;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

function offline() {
  const page = `<!doctype html><html lang="${words.lang}" dir="${words.dir}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Sayso</title>
<main><h1>${words.offline}</h1><p>${words.again}</p></main></html>`;
  const headers = { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'none'" };
  return new Response(page, { status: 503, headers });
}

self.addEventListener("fetch", (event) => {
  // A form that was sent is left to the browser: nobody here knows whether it has arrived.
  if (event.request.mode !== "navigate" || event.request.method !== "GET") return;
  event.respondWith(fetch(event.request).catch(offline));
});

function read(data) {
  try {
    return data.json();
  } catch {
    return {}; // whoever pushes without words is shown as such: a push must show something
  }
}

self.addEventListener("push", (event) => {
  const { title = "Sayso", body = "", tag = "sayso", path = "" } = read(event.data);
  const options = { body, tag, renotify: true, icon: SAYSO.icon, data: { path } };
  event.waitUntil(self.registration.showNotification(title, options));
});

async function open(path) {
  const asked = new URL(path, scope).href;
  const url = asked.startsWith(scope) ? asked : scope; // nothing but a page of this console
  const windows = await self.clients.matchAll({ type: "window" });
  const here = windows.find((one) => one.url === url);
  return here ? here.focus() : self.clients.openWindow(url);
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data.path));
});
