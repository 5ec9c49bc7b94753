// Frames the seat of the open ticket. Nothing of the ticket but its number leaves Zendesk by it, and
// nothing that the seat shows is read here: it is another origin's page.
"use strict";

const HEIGHT = "720px";

/** The seat's address; null where the console's is none that may be framed. */
function addressOf(settings, ticket) {
  let site;
  try {
    site = new URL(settings.console);
  } catch {
    return null;
  }
  if (site.protocol !== "https:" || !/^[0-9]{1,20}$/.test(String(ticket))) return null;
  const seat = new URL("/console/seat", site.origin);
  seat.searchParams.set("desk", settings.desk);
  seat.searchParams.set("thread", String(ticket));
  return seat.href;
}

function say(text) {
  document.getElementById("said").textContent = text;
}

async function show(client) {
  const [{ settings }, found] = await Promise.all([client.metadata(), client.get("ticket.id")]);
  const ticket = found["ticket.id"];
  if (!ticket) {
    say("Save the ticket first: Sayso knows it by its number.");
    return;
  }
  const address = addressOf(settings, ticket);
  if (!address) {
    say("Set the console's address in this app's settings, such as https://sayso.example.com.");
    return;
  }
  const seat = document.getElementById("seat");
  seat.src = address;
  seat.hidden = false;
  document.getElementById("said").hidden = true;
  await client.invoke("resize", { width: "100%", height: HEIGHT });
}

if (typeof ZAFClient !== "undefined") {
  const client = ZAFClient.init();
  if (client) show(client).catch(() => say("Zendesk did not say which ticket is open."));
  else say("Open this inside of a Zendesk ticket.");
}

if (typeof module !== "undefined") module.exports = { addressOf };
