// On one's own page: makes the console installable, and has this browser told of what is pushed.
"use strict";

const told = document.getElementById("browser");
const worker = document.currentScript.dataset.worker;

// The one script that this page may start beside its own: `trusted-types` in the CSP names it.
const policy = window.trustedTypes?.createPolicy("sayso-worker", {
  createScriptURL: (url) => {
    if (url !== worker) throw new TypeError(url);
    return url;
  },
});

function register() {
  return navigator.serviceWorker.register(policy ? policy.createScriptURL(worker) : worker);
}

const known = "serviceWorker" in navigator ? register().catch(() => null) : Promise.resolve(null);

function explain(id) {
  document.getElementById(id).hidden = false;
}

async function turnOn() {
  const pushing = (await known)?.pushManager;
  if (!pushing || !window.Notification) return explain("told-nowhere");
  if (await Notification.requestPermission() !== "granted") return explain("told-denied");
  await navigator.serviceWorker.ready;
  // One that was made with another key of ours is of no use any more.
  await (await pushing.getSubscription())?.unsubscribe();
  const key = bytes(told.dataset.key);
  const made = await pushing.subscribe({ userVisibleOnly: true, applicationServerKey: key });
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
