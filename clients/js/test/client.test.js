// Against a running server: tests/clients/test_javascript.py starts it, and says where it is.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Sayso, SaysoError, verifyWebhook } from "../index.js";

const { url, tokens, orders, webhook } = JSON.parse(process.env.SAYSO_TEST ?? "{}");
const bot = new Sayso({ url, token: tokens.bot });
const propose = ([order, customer], more = {}) => bot.post("/v1/actions", {
  body: { subject: { id: customer, assurance: "verified" }, action: "shop.refund", args: { order } },
  ...more,
});

test("what a person agrees to is done, and followed to its end", async () => {
  const action = await propose(orders.pop());
  assert.equal(action.status, "pending_approval");
  const maria = new Sayso({ url, token: tokens.maria });
  const { id, revision, digest } = action.approval;
  const answer = { decision: "approve", revision, digest };
  const following = bot.follow(action.id);
  assert.equal((await following.next()).value.action_id, action.id);
  await maria.post("/v1/approvals/{approval_id}/decision", { params: { approval_id: id }, body: answer });
  const seen = [];
  for (;;) {
    const { value, done } = await following.next();
    if (done) {
      assert.equal(value.id, action.id);
      assert.equal(value.status, "succeeded");
      break;
    }
    seen.push(value.status);
  }
  assert.equal(seen.at(-1), "succeeded");
});

test("every page of a list comes, once", async () => {
  const made = await Promise.all(orders.splice(0, 3).map((order) => propose(order)));
  const ids = [];
  for await (const one of bot.pages("/v1/actions", { status: "pending_approval", limit: 2 })) ids.push(one.id);
  assert.equal(new Set(ids).size, ids.length);
  for (const { id } of made) assert.ok(ids.includes(id));
});

test("events go on behind the last one seen", async () => {
  const { id } = await propose(orders.pop());
  for await (const event of bot.events({ after: -1 })) {
    if (event.action_id === id) {
      assert.equal(typeof event.seq, "number");
      for await (const again of bot.events({ after: event.seq - 1 })) {
        assert.deepEqual(again, event);
        return;
      }
    }
  }
});

test("a lost answer is asked for again with the same key, and is one action", async () => {
  let calls = 0;
  const keys = new Set();
  const losing = async (place, init) => {
    keys.add(init.headers["Idempotency-Key"]);
    const answer = await fetch(place, init);
    if (++calls === 1) throw new TypeError("the connection broke");
    return answer;
  };
  const [order, customer] = orders.pop();
  const body = { subject: { id: customer, assurance: "verified" }, action: "shop.refund", args: { order } };
  const action = await new Sayso({ url, token: tokens.bot, fetch: losing }).post("/v1/actions", { body });
  assert.equal(calls, 2);
  assert.equal(keys.size, 1);
  const found = await bot.get("/v1/actions", { query: { subject: customer } });
  assert.deepEqual(found.items.map((one) => one.id), [action.id]);
});

test("a refusal is an error with its code, and is not tried again", async () => {
  let calls = 0;
  const counting = (place, init) => (calls++, fetch(place, init));
  const sayso = new Sayso({ url, token: tokens.bot, fetch: counting });
  await assert.rejects(
    sayso.get("/v1/actions/{action_id}", { params: { action_id: "act_01m8997dg0jw1993dqct7cjj2z" } }),
    (error) => error instanceof SaysoError && error.code === "not_found" && error.status === 404,
  );
  await assert.rejects(new Sayso({ url, token: "csk_wrong" }).get("/v1/actions"), { code: "unauthenticated" });
  await assert.rejects(sayso.get("/v1/actions/{action_id}", {}), TypeError);
  assert.equal(calls, 1);
});

test("Retry-After is kept, and an error of a proxy is one, too", async () => {
  const answers = [new Response("busy", { status: 503, headers: { "Retry-After": "0" } }), Response.json({ items: [] })];
  const sayso = new Sayso({ url, token: "t", fetch: async () => answers.shift() });
  assert.deepEqual(await sayso.get("/v1/dials"), { items: [] });
  const broken = new Sayso({ url, token: "t", fetch: async () => new Response("<html>", { status: 502 }) });
  await assert.rejects(broken.get("/v1/dials"), { name: "SaysoError", status: 502, code: "" });
});

test("a stream that breaks off goes on behind the last event, however it is cut", async () => {
  const parts = [["id: 7\nevent: action\nda", 'ta: {"seq":7}\n\n: still here\n\nid: 8'], ['event: end\ndata: {"id":"act_1"}\n\n']];
  const asked = [];
  const sayso = new Sayso({ url, token: "t", fetch: async (_, { headers }) => {
    asked.push(headers["Last-Event-ID"]);
    const bytes = parts.shift().map((one) => new TextEncoder().encode(one));
    return new Response(new ReadableStream({ start: (to) => (bytes.forEach((one) => to.enqueue(one)), to.close()) }));
  } });
  const following = sayso.follow("act_1");
  assert.deepEqual(await following.next(), { value: { seq: 7 }, done: false });
  assert.deepEqual(await following.next(), { value: { id: "act_1" }, done: true });
  assert.deepEqual(asked, [undefined, "7"]);
});

test("whoever asks hears where it stands, and asks again with the same key where that breaks off", async () => {
  const subject = { id: "cus_js", assurance: "verified" };
  const asking = bot.ask({ subject, messages: [{ role: "customer", content: "Do you have a shop in Ghent?" }] });
  const first = await asking.next();
  assert.equal(first.value.status, "received");
  for (let step = first; ; step = await asking.next()) {
    if (!step.done) continue;
    assert.equal(step.value.id, first.value.request_id);
    assert.ok(step.value.reply);
    break;
  }
  const parts = ['event: progress\ndata: {"status":"received"}\n\nevent: progr', 'event: end\ndata: {"id":"req_1"}\n\n'];
  const keys = new Set();
  const sayso = new Sayso({ url, token: "t", fetch: async (_, { method, headers }) => {
    assert.equal(`${method} ${headers.Accept}`, "POST text/event-stream");
    keys.add(headers["Idempotency-Key"]);
    return new Response(parts.shift());
  } });
  const broken = sayso.ask({ subject, messages: [] });
  assert.deepEqual(await broken.next(), { value: { status: "received" }, done: false });
  assert.deepEqual(await broken.next(), { value: { id: "req_1" }, done: true });
  assert.equal(keys.size, 1);
});

test("a signal ends a pause", async () => {
  const sayso = new Sayso({ url, token: "t", fetch: async () => { throw new TypeError("down"); }, retries: 9 });
  await assert.rejects(sayso.get("/v1/dials", { signal: AbortSignal.timeout(20) }), { name: "TimeoutError" });
});

test("a webhook counts by its signature, its age and every byte", async () => {
  const { secret, headers, body, other } = webhook;
  const now = Number(headers["webhook-timestamp"]) * 1000;
  assert.equal((await verifyWebhook(secret, headers, body, { now })).type, "action.succeeded");
  assert.equal((await verifyWebhook(secret, new Headers(headers), body, { now })).data.seq, 412);
  const two = { ...headers, "webhook-signature": `v1,${btoa("no")} v2,x ${headers["webhook-signature"]}` };
  await verifyWebhook(secret, two, body, { now });
  await assert.rejects(verifyWebhook(other, headers, body, { now }));
  await assert.rejects(verifyWebhook(secret, headers, body + " ", { now }));
  await assert.rejects(verifyWebhook(secret, { ...headers, "webhook-id": "msg_2" }, body, { now }));
  await assert.rejects(verifyWebhook(secret, headers, body, { now: now + 301_000 }));
  await assert.rejects(verifyWebhook(secret, headers, body, { now: now - 301_000 }));
  await assert.rejects(verifyWebhook(secret, {}, body, { now }));
});
