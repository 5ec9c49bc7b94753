// On one's own page: makes the console installable, and has this browser told of what is pushed.
"use strict";

const told = document.getElementById("browser");

// The one script that this page may start beside its own: `trusted-types` in the CSP names it.
const policy = window.trustedTypes?.createPolicy("sayso-worker", {
  createScriptURL: (url) => {
    if (url !== document.body.dataset.worker) throw new TypeError(url);
    return url;
  },
});

function register() {
  const url = document.body.dataset.worker;
  return navigator.serviceWorker.register(policy ? policy.createScriptURL(url) : url);
}

const known = "serviceWorker" in navigator ? register().catch(() => null) : Promise.resolve(null);

function explain(id) {
  document.getElementById(id).hidden = false;
}

async function turnOn() {
  const worker = await known;
  if (!worker?.pushManager || !window.Notification) return explain("told-nowhere");
  if (await Notification.requestPermission() !== "granted") return explain("told-denied");
  await navigator.serviceWorker.ready;
  // One that was made with another key of ours is of no use any more.
  await (await worker.pushManager.getSubscription())?.unsubscribe();
  const key = bytes(told.dataset.key);
  const made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  put(told, "said", JSON.stringify(made));
  told.submit();
}

if (told) {
  told.hidden = false;
  told.addEventListener("submit", (event) => {
    event.preventDefault();
    turnOn().catch(() => explain("told-nowhere"));
  });
}
