// Judged by tsc alone: what is optional is optional, and what is wrong is an error.
import { Sayso, SaysoError, verifyWebhook } from "../index.js";

const sayso = new Sayso({ url: "http://127.0.0.1:8390", token: "csk_1" });
const subject = { id: "cus_1", assurance: "signed_in" } as const;

const action = await sayso.post("/v1/actions", {
  body: { subject, action: "stripe.refund", args: { charge: "ch_1" } },
  query: { wait: 5 },
  idempotencyKey: "k-1",
});
const amount: number | undefined = action.amount?.amount_minor;
const rule: string | undefined = action.decision?.rule;
const digest: string = (await sayso.get("/v1/approvals/{approval_id}", { params: { approval_id: "apr_1" } })).digest;
await sayso.post("/v1/approvals/{approval_id}/decision", {
  params: { approval_id: "apr_1" },
  body: { decision: "approve", revision: 1, digest },
});
await sayso.post("/v1/requests/{request_id}/withdraw", { params: { request_id: "req_1" }, body: {} });
await sayso.post("/v1/stop", { body: { scope: "all" } });
for await (const one of sayso.pages("/v1/approvals", { status: "pending" })) one.card;
for await (const change of sayso.follow("req_1")) change.status;
const told = await verifyWebhook("whsec_", new Headers(), "{}");
const at: string = told.data.at;
try {
  await sayso.get("/v1/actions");
} catch (error) {
  if (error instanceof SaysoError && error.code === "policy_denied") console.log(error.problem.next_step);
}

// @ts-expect-error there is no such path
await sayso.get("/v1/acions");
// @ts-expect-error the customer is missing
await sayso.post("/v1/actions", { body: { action: "stripe.refund", args: {} } });
// @ts-expect-error the id in the path is missing
await sayso.get("/v1/actions/{action_id}");
// @ts-expect-error not a field of it
action.amonut;
// @ts-expect-error not a status
await sayso.get("/v1/actions", { query: { status: "finished" } });
// @ts-expect-error it has no pages
sayso.pages("/v1/report");

export { amount, rule, at };
