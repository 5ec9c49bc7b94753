// What the pages do beyond links and forms: they stay up to date, keys move the focus, and a click
// that the server did not take is kept and sent again. Everything works without this file.
//
// NOTE: nothing here runs text that it was sent. Pages are fetched as documents, whose scripts never
// run, and moved over element by element, so that `trusted-types 'none'` can stand in the CSP.
"use strict";

const body = document.body;
const status = document.getElementById("status");
const offline = document.getElementById("offline");

const translated = JSON.parse(body.dataset.words || "{}");
const word = (text) => translated[text] || text;

function say(text) {
  if (status) status.textContent = word(text);
}

function fetchPage(method, url, form, done, failed) {
  const call = new XMLHttpRequest();
  call.open(method, url);
  call.responseType = "document";
  call.onload = () => done(call);
  call.onerror = failed;
  call.timeout = 20000;
  call.ontimeout = failed;
  if (form) call.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
  call.send(form);
}

// ---- staying up to date: only parts whose key has changed are replaced --------------------------

let fetching = false;
let again = false;

function values(part) {
  const kept = new Map();
  for (const field of part.querySelectorAll("input[id], select[id], textarea[id]")) {
    kept.set(field.id, field.type === "checkbox" ? field.checked : field.value);
  }
  return kept;
}

function replacePart(old, fresh) {
  const kept = values(old);
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  const open = new Set([...old.querySelectorAll("details[open][id]")].map((one) => one.id));
  old.replaceWith(document.importNode(fresh, true));
  const now = document.getElementById(fresh.id);
  for (const [id, value] of kept) {
    const field = document.getElementById(id);
    if (!field) continue;
    if (field.type === "checkbox") field.checked = value;
    else if (field.type !== "hidden") field.value = value;
  }
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focused) (document.getElementById(focused) || now).focus();
}

function takeOver(page) {
  if (!page) return false;
  let changed = false;
  for (const fresh of page.querySelectorAll("[data-key]")) {
    const old = document.getElementById(fresh.id);
    if (old && old.dataset.key !== fresh.dataset.key) {
      replacePart(old, fresh);
      changed = true;
    }
  }
  document.title = page.title || document.title;
  if (changed) say(page.querySelector("[data-news]")?.dataset.news || "This page has changed.");
  return changed;
}

function refresh() {
  if (fetching) {
    again = true;
    return;
  }
  fetching = true;
  const next = () => {
    fetching = false;
    if (again) {
      again = false;
      refresh();
    }
  };
  const here = location.pathname + location.search;
  fetchPage("GET", here, null, (call) => {
    // Somewhere else is where one signs in: the session is over.
    if (call.status === 401) location.reload();
    else if (new URL(call.responseURL).pathname !== location.pathname) {
      keep();
      location.assign(call.responseURL);
    } else takeOver(call.response);
    next();
  }, next);
}

let polling = 0;

function follow(url) {
  const stream = new EventSource(url);
  stream.addEventListener("changed", refresh);
  stream.addEventListener("ended", () => {
    stream.close();
    refresh();
  });
  stream.onopen = () => {
    body.dataset.following = "yes";
    if (offline) offline.hidden = true;
    clearInterval(polling);
    polling = 0;
  };
  stream.onerror = () => {
    if (offline) offline.hidden = false;
    if (!polling) polling = setInterval(refresh, 10000);
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => follow(url), 5000);
  };
  window.addEventListener("pagehide", () => stream.close());
}

if (body.dataset.live) follow(body.dataset.live);
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

// ---- what was typed when a session ended is there again after signing in ------------------------

const KEPT = `sayso:${location.pathname}`;

function keep() {
  const card = document.getElementById("card");
  if (card) sessionStorage.setItem(KEPT, JSON.stringify([...values(card)]));
}

function bringBack() {
  const card = document.getElementById("card");
  const kept = sessionStorage.getItem(KEPT);
  if (!card || !kept) return;
  sessionStorage.removeItem(KEPT);
  for (const [id, value] of JSON.parse(kept)) {
    const field = document.getElementById(id);
    if (!field || field.type === "hidden" || !card.contains(field)) continue;
    if (field.type === "checkbox") field.checked = value;
    else field.value = value;
    const more = field.closest("section.more");
    if (more && value) location.hash = more.id;
  }
  say("You are signed in again. What you typed is back, and nothing was sent.");
}

bringBack();

// ---- a click is never lost: it is sent until somebody has answered -------------------------------

function send(form, button, tried) {
  const fields = new URLSearchParams(new FormData(form));
  if (button?.name) fields.append(button.name, button.value);
  if (byKey && button?.id === "yes") fields.append("then", "next");
  const url = button?.getAttribute("formaction") || form.getAttribute("action");
  fetchPage("POST", url, fields.toString(), (call) => {
    const landed = new URL(call.responseURL);
    if (call.status < 400 && landed.pathname !== new URL(url, location).pathname) {
      location.assign(landed.pathname + landed.search);
      return;
    }
    const main = call.response?.querySelector("main");
    if (call.status === 401) {
      keep();
      fetching = true; // nothing is fetched beside the sign-in that is shown now
    }
    if (main) {
      document.querySelector("main").replaceWith(document.importNode(main, true));
      document.title = call.response.title;
      const news = document.querySelector("main [data-news]");
      say(news ? news.dataset.news : call.response.title);
      document.getElementById("main").focus();
      return;
    }
    retry(form, button, tried);
  }, () => retry(form, button, tried));
}

function retry(form, button, tried) {
  if (tried >= 120) {
    say("The server did not answer. Nothing is known to have happened; load this page again.");
    form.dataset.sent = "";
    return;
  }
  say("The server does not answer. Your click is kept and is sent again.");
  if (offline) offline.hidden = false;
  setTimeout(() => send(form, button, tried + 1), 1000);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  const button = event.submitter;
  const method = button?.getAttribute("formmethod") || form.method;
  if (method.toLowerCase() !== "post") return;
  const once = "once" in form.dataset;
  const passkey = button?.dataset.passkey || button?.dataset.passkeyNew;
  if (!once && !passkey) return;
  event.preventDefault();
  if (form.dataset.sent) return;
  form.dataset.sent = "yes";
  const go = () => {
    say("Sent.");
    if (once) send(form, button, 0);
    else form.submit();
  };
  if (!passkey) {
    go();
    return;
  }
  askPasskey(form, button).then(go, (error) => {
    form.dataset.sent = "";
    const told = document.querySelector("[data-passkey-said]");
    const more = error.name === "NotAllowedError" ? "Try once more when you are ready." : error.message;
    const text = `${word("Your passkey was not used, and nothing was done.")} ${word(more)}`;
    if (told) {
      told.textContent = text;
      told.hidden = false;
    }
    say(text);
  });
});

// ---- passkeys: what the page asks is signed by a key that never leaves its person's device -------

function bytes(text) {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
}

function text(buffer) {
  const raw = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(raw).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function put(form, name, value) {
  let field = form.elements.namedItem(name);
  if (!field) {
    field = document.createElement("input");
    field.type = "hidden";
    field.name = name;
    form.append(field);
  }
  field.value = value;
}

const named = (id) => ({ type: "public-key", id: bytes(id) });

async function askPasskey(form, button) {
  if (!navigator.credentials) throw new Error("This browser keeps no passkeys here.");
  if (button.dataset.passkeyNew) {
    const made = JSON.parse(button.dataset.passkeyNew);
    made.challenge = bytes(made.challenge);
    made.user.id = bytes(made.user.id);
    made.excludeCredentials = made.excludeCredentials.map((one) => named(one.id));
    const found = await navigator.credentials.create({ publicKey: made });
    const { clientDataJSON, attestationObject } = found.response;
    const response = { clientDataJSON: text(clientDataJSON), attestationObject: text(attestationObject) };
    const id = text(found.rawId);
    put(form, "response", JSON.stringify({ id, rawId: id, type: found.type, response }));
    return;
  }
  const asked = JSON.parse(button.dataset.passkey);
  const found = await navigator.credentials.get({
    publicKey: {
      challenge: bytes(asked.challenge),
      rpId: asked.rp_id,
      allowCredentials: asked.passkeys.map(named),
      userVerification: "required",
      timeout: 120000,
    },
  });
  put(form, "passkey.id", text(found.rawId));
  put(form, "passkey.authenticator_data", text(found.response.authenticatorData));
  put(form, "passkey.client_data", text(found.response.clientDataJSON));
  put(form, "passkey.signature", text(found.response.signature));
  put(form, "passkey.nonce", asked.nonce);
}

// ---- a question to the log: the word that one is writing is completed ----------------------------

const asking = document.querySelector("[data-complete]");
if (asking) {
  const words = JSON.parse(asking.dataset.complete);
  const list = document.getElementById(asking.getAttribute("list"));
  asking.addEventListener("input", () => {
    const [, before, last] = /^(.*?)(\S*)$/s.exec(asking.value);
    const inside = words.find(([word]) => last.startsWith(word));
    const ends = inside ? inside[1].map((value) => inside[0] + value) : words.map(([word]) => word);
    list.replaceChildren(...ends.filter((end) => end.startsWith(last) && end !== last).map((end) => {
      const option = document.createElement("option");
      option.value = before + end;
      return option;
    }));
  });
}

// ---- what somebody composes is judged while they type --------------------------------------------

let judging = 0;
let turn = 0;

function judge(form) {
  const mine = ++turn;
  const fields = new URLSearchParams(new FormData(form));
  fetchPage("POST", form.dataset.judged, fields.toString(), (call) => {
    // An answer that something newer has overtaken says nothing any more.
    if (mine === turn && call.status === 200) takeOver(call.response);
  }, () => {
    if (mine === turn) say("The server does not answer, so nothing is judged now.");
  });
}

document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (!form || !("judged" in form.dataset) || event.target.type === "search") return;
  clearTimeout(judging);
  turn++;
  judging = setTimeout(() => judge(form), event.target.type === "radio" ? 0 : 400);
});

// ---- beside a ticket: one signs in in a window of its own, which tells its frame so ---------------

const door = document.getElementById("door");
if (door) {
  door.addEventListener("click", () => {
    window.open(door.dataset.window, "sayso-seat", "popup,width=520,height=640");
  });
  window.addEventListener("message", (event) => {
    // Only our own window speaks to this frame; whatever else is told here is not heard.
    if (event.origin !== location.origin || typeof event.data?.sayso !== "string") return;
    const fields = new URLSearchParams({ code: event.data.sayso });
    fetchPage("POST", door.dataset.enter, fields.toString(), () => location.reload(), () => {
      say("The server does not answer. Try it once more.");
    });
  });
}

const offer = document.getElementById("offer");
if (offer && window.opener) {
  window.opener.postMessage({ sayso: offer.dataset.code }, location.origin);
  window.close();
}

// ---- keys move the focus and open pages; none of them decides ------------------------------------

function move(step) {
  const links = [...document.querySelectorAll("[data-row]")];
  if (!links.length) return void document.querySelector(step > 0 ? "[data-key-j]" : "[data-key-k]")?.click();
  const at = links.indexOf(document.activeElement);
  links[Math.max(0, Math.min(links.length - 1, at + step))].focus();
}

function openForm(id, field) {
  if (!document.getElementById(`to-${id}`)) return;
  location.hash = id;
  document.querySelector(`#${id} ${field}`)?.focus();
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  y: () => document.getElementById("yes")?.focus(),
  n: () => openForm("no", "select"),
  l: () => openForm("less", "input"),
  i: () => document.querySelector("[data-key-i]")?.click(),
  "/": () => document.getElementById("q")?.focus(),
  "?": () => document.getElementById("keys")?.showModal?.(),
};

let byKey = false; // whether a card is being answered by keys

document.addEventListener("keydown", (event) => {
  byKey = event.key === "Enter" && event.target.id === "yes";
  if (event.repeat && byKey) event.preventDefault(); // a key that is held says nothing
  if (body.dataset.keys !== "on" || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, dialog")) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

document.addEventListener("pointerdown", () => {
  byKey = false;
});

// After an answer by keys the next card is read first: its headline has the focus.
if (new URLSearchParams(location.search).has("said")) document.getElementById("headline")?.focus();

// ---- the time that is left, by the server's clock -------------------------------------------------

const ahead = Date.now() - Date.parse(body.dataset.now);

const units = Object.fromEntries(["minute", "hour", "day"].map((unit) => {
  const form = { style: "unit", unit, unitDisplay: "long" };
  return [unit, new Intl.NumberFormat(document.documentElement.lang, form)];
}));

function inWords(seconds) {
  const left = (length) => word("{length} left").replace("{length}", length);
  const many = (count, unit) => left(units[unit].format(count));
  if (seconds <= 0) return word("no time left");
  if (seconds < 300) return left(`${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 90) return many(minutes, "minute");
  const hours = Math.round(minutes / 60);
  return hours < 48 ? many(hours, "hour") : many(Math.round(hours / 24), "day");
}

function count() {
  for (const time of document.querySelectorAll("[data-left]")) {
    const words = inWords((Date.parse(time.dateTime) - Date.now() + ahead) / 1000);
    if (time.textContent !== words) time.textContent = words;
  }
}

if (body.dataset.now) {
  count();
  setInterval(count, 1000);
}

// ---- times in the viewer's zone -------------------------------------------------------------------

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
if (body.dataset.zone && body.dataset.zone !== zone && body.dataset.zoneTried !== zone) {
  document.cookie = `sayso_zone=${encodeURIComponent(zone)}; Path=/; Max-Age=31536000; SameSite=Lax`;
  if (document.cookie.includes("sayso_zone=")) refresh();
}
