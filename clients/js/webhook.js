/** What `sayso webhooks add` has Sayso send, checked as Standard Webhooks says. */

/** @import * as S from "./shapes.js" */

/** Check a webhook's signature and age, as Standard Webhooks says, and read it.
 * @param {string} secret `whsec_…`, as `sayso webhooks add` printed it.
 * @param {Headers | Record<string, string | undefined>} headers with names in small letters
 * @param {string} body the bytes that came, as text: not parsed and written again
 * @param {{toleranceS?: number, now?: number}} [options] `now` in milliseconds
 * @returns {Promise<S.Message>} @throws {Error} somebody else sent it, or it is old */
export async function verifyWebhook(secret, headers, body, { toleranceS = 300, now = Date.now() } = {}) {
  const [id, at, signed] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(
    (name) => (headers instanceof Headers ? headers.get(name) : headers[name]) ?? "",
  );
  if (!id || !(Math.abs(now / 1000 - Number(at || NaN)) <= toleranceS)) {
    throw new Error("the webhook has no id, or is too old or too new");
  }
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytesOf(secret.replace(/^whsec_/, "")), hmac, false, ["verify"]);
  const text = new TextEncoder().encode(`${id}.${at}.${body}`);
  for (const [version, signature] of signed.split(" ").map((one) => one.split(","))) {
    if (version === "v1" && signature && (await crypto.subtle.verify("HMAC", key, bytesOf(signature), text))) {
      return JSON.parse(body);
    }
  }
  throw new Error("the webhook was not signed with this secret");
}

/** @param {string} base64 */
const bytesOf = (base64) => Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
