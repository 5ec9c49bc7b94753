/** The HTTP API of Sayso: typed calls, retries by idempotency key, events, pages, webhooks. */

import { pause, readEvents } from "./stream.js";

/** @import * as S from "./shapes.js" */

export { verifyWebhook } from "./webhook.js";

const LONGEST_PAUSE_S = 30;
const STREAM = "text/event-stream";

/** A call that was refused or could not be done; branch on `code`. */
export class SaysoError extends Error {
  /** @param {S.Schemas["Problem"]} problem @param {number} [retryAfterS] */
  constructor(problem, retryAfterS) {
    super(problem.next_step ? `${problem.detail}: ${problem.next_step}` : problem.detail);
    this.name = "SaysoError";
    /** @type {S.Code} Stable; `docs/reference/errors.md` lists them. */
    this.code = problem.code;
    this.status = problem.status;
    this.problem = problem;
    /** Where it is a number, nothing was done, and the same call may be made again. */
    this.retryAfterS = retryAfterS;
  }
}

/** One server, and one token. */
export class Sayso {
  /** @type {Required<S.Options>} */
  #options;

  /** @param {S.Options} options */
  constructor({ url, token, retries = 2, fetch = globalThis.fetch }) {
    this.#options = { url: url.replace(/\/+$/, ""), token, retries, fetch };
  }

  /** Read something.
   * @template {S.GetPath} P @param {P} path @param {S.Arguments<S.Getting<P>>} options
   * @returns {Promise<S.Got<P>>} */
  async get(path, ...[options]) {
    return (await this.#send("GET", path, options)).json();
  }

  /** Do something, once: a lost answer is asked for again by the same idempotency key.
   * @template {S.PostPath} P @param {P} path @param {S.Arguments<S.Posting<P>>} options
   * @returns {Promise<S.Posted<P>>} */
  async post(path, ...[options]) {
    return (await this.#send("POST", path, options)).json();
  }

  /** Ask for a customer, and hear where it stands until it has ended or asks them something, across
   * lost connections; what it returns is the request. Leaving it changes nothing of what was asked.
   * @param {S.AskBody} body @param {S.Asking & {idempotencyKey?: string}} [options]
   * @returns {AsyncGenerator<S.Progress, S.Schemas["RequestView"]>} */
  async *ask(body, { idempotencyKey = crypto.randomUUID(), signal } = {}) {
    const asked = { body, idempotencyKey, headers: { Accept: STREAM }, ...(signal && { signal }) };
    for (let failed = 0; ; ) {
      try {
        const { body: stream } = await this.#send("POST", "/v1/requests", asked);
        for await (const { kind, data } of readEvents(stream)) {
          failed = 0;
          if (kind === "end") return JSON.parse(data);
          yield JSON.parse(data);
        }
      } catch (error) {
        if (error instanceof SaysoError || signal?.aborted) throw error;
        if (++failed > this.#options.retries) throw error;
      }
      await pause(failed || 1, signal);
    }
  }

  /** Every item of a list, page after page.
   * @template {S.PagedPath} P @param {P} path @param {S.QueryOf<P>} [query]
   * @returns {AsyncGenerator<S.PageOf<P>, void>} */
  async *pages(path, query) {
    let asked = /** @type {Record<string, unknown>} */ ({ ...query });
    for (;;) {
      const page = await (await this.#send("GET", path, { query: asked })).json();
      yield* page.items;
      if (page.next_after === null) return;
      asked = { ...asked, after: page.next_after };
    }
  }

  /** Every change of a request (`req_…`) or an action (`act_…`) until it has ended, across lost
   * connections; what it returns is the request or action as it ended.
   * @param {string} id @param {S.Asking & {after?: number}} [options]
   * @returns {AsyncGenerator<S.Event, S.Ended>} */
  async *follow(id, options = {}) {
    const path = `/v1/${id.startsWith("req_") ? "requests" : "actions"}/{id}/events`;
    for await (const [kind, data] of this.#stream(path, { ...options, params: { id } })) {
      if (kind === "end") return data;
      yield data;
    }
    throw new Error("the stream ended before what it follows");
  }

  /** Every change of the tenant's requests and actions, without an end; `break` leaves it.
   * @param {S.Asking & {after?: number}} [options] `after`: the `seq` of the last one you saw.
   * @returns {AsyncGenerator<S.Event, void>} */
  async *events(options = {}) {
    for await (const [kind, data] of this.#stream("/v1/events", options)) {
      if (kind !== "ready") yield data;
    }
  }

  /** @param {string} path @param {S.Asking & {after?: number, params?: object}} options
   * @returns {AsyncGenerator<[string, any], void>} */
  async *#stream(path, { after, ...options }) {
    let last = after === undefined ? undefined : String(after);
    for (let failed = 0; ; ) {
      const headers = { Accept: STREAM, ...(last && { "Last-Event-ID": last }) };
      try {
        const { body } = await this.#send("GET", path, { ...options, headers });
        for await (const { kind, data, id } of readEvents(body)) {
          failed = 0;
          last = id ?? last;
          yield [kind, JSON.parse(data)];
          if (kind === "end") return;
        }
      } catch (error) {
        if (error instanceof SaysoError || options.signal?.aborted) throw error;
        if (++failed > this.#options.retries) throw error;
      }
      await pause(failed || 1, options.signal);
    }
  }

  /** @param {string} method @param {string} path
   * @param {{params?: object, query?: object, body?: unknown, idempotencyKey?: string,
   *   headers?: object, signal?: AbortSignal}} [options] @returns {Promise<Response>} */
  async #send(method, path, { params = {}, query = {}, body, idempotencyKey, headers, signal } = {}) {
    const { url: root, token, retries, fetch } = this.#options;
    const url = new URL(root + path.replace(/\{(\w+)\}/g, (_, name) => {
      const value = Reflect.get(params, name);
      if (typeof value !== "string" && typeof value !== "number") throw new TypeError(`no ${name}`);
      return encodeURIComponent(value);
    }));
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined && value !== null) url.searchParams.set(name, String(value));
    }
    const posting = { "Content-Type": "application/json", "Idempotency-Key": idempotencyKey ?? crypto.randomUUID() };
    /** @type {RequestInit} */
    const init = {
      method,
      body: method === "POST" ? JSON.stringify(body ?? {}) : null,
      headers: { ...(method === "POST" && posting), ...headers, Authorization: `Bearer ${token}` },
      redirect: "error", // a token goes nowhere else
      signal: signal ?? null,
    };
    for (let left = retries; ; left--) {
      let pauseS = 0.25 * 2 ** (retries - left);
      try {
        const response = await fetch(url, init);
        if (response.ok) return response;
        const error = await errorOf(response);
        if (left <= 0 || error.retryAfterS === undefined || error.retryAfterS > LONGEST_PAUSE_S) throw error;
        pauseS = error.retryAfterS;
      } catch (error) {
        if (error instanceof SaysoError || left <= 0 || signal?.aborted) throw error;
      }
      await pause(pauseS, signal);
    }
  }
}

/** @param {Response} response */
async function errorOf(response) {
  const after = Number(response.headers.get("retry-after") ?? NaN);
  const said = await response.text();
  const ours = response.headers.get("content-type")?.startsWith("application/problem+json");
  const title = `${response.status} ${response.statusText}`; // a proxy's answer, such as 502
  const problem = { type: "", title, status: response.status, detail: title, code: "", next_step: "", instance: "" };
  return new SaysoError(ours ? JSON.parse(said) : problem, Number.isFinite(after) ? after : undefined);
}
