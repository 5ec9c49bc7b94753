/** Server-sent events, and pauses that a signal ends. */

/** @param {ReadableStream<Uint8Array> | null} body */
export async function* readEvents(body) {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of body ?? []) {
    const blocks = (text + decoder.decode(part, { stream: true })).split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = block.split("\n").map((line) => /^(\w+): ?(.*)$/.exec(line) ?? ["", "", ""]);
      const named = Object.fromEntries(fields.map(([, name, value]) => [name, value]));
      if (named.data) yield { kind: named.event ?? "", data: named.data, id: named.id };
    }
  }
}

/** @param {number} seconds @param {AbortSignal} [signal] @returns {Promise<void>} */
export const pause = (seconds, signal) =>
  new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, seconds * 1000);
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted) stop();
  });
