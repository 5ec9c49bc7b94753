// What a second verifier reads: bodies, trees, notes, keys, policies (docs/audit-format.md).

import { createHash, createPublicKey, verify } from "node:crypto";

export class Tampered extends Error {}
export class Open extends Error {}
export const insist = (holds, message) => {
  if (!holds) throw new Tampered(message);
};
export const expect = (holds, message) => {
  if (!holds) throw new Open(message);
};

// ---- bytes ----------------------------------------------------------------------------------

export const sha = (...parts) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};
export const hex = (...parts) => sha(...parts).toString("hex");
export const text = (bytes) => {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Tampered("not UTF-8");
  }
};
export const base64 = (word, length) => {
  const bytes = Buffer.from(word, "base64");
  insist(bytes.toString("base64") === word, "not base64 in its one form");
  insist(length === undefined || bytes.length === length, `not ${length} bytes in base64`);
  return bytes;
};
export const lines = (whole) => {
  insist(whole === "" || whole.endsWith("\n"), "the last line has no line feed");
  return whole.split("\n").slice(0, -1);
};
export const isCount = (value) => Number.isSafeInteger(value) && value >= 0;

// ---- section 1: bodies ----------------------------------------------------------------------

export const isObject = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value);

export const encode = (value, level = 1) => {
  if (typeof value === "string") {
    insist(value.isWellFormed(), "a lone surrogate");
    return JSON.stringify(value);
  }
  if (typeof value === "number") {
    insist(Number.isSafeInteger(value), "a number that is no integer within 2^53-1");
    return String(value);
  }
  if (value === null || typeof value === "boolean") return String(value);
  insist(level <= 16, "more than 16 levels");
  if (Array.isArray(value)) return `[${value.map((one) => encode(one, level + 1)).join(",")}]`;
  const pair = (key) => {
    insist(/^[a-z0-9_]+$/.test(key), "a key of another form");
    return `"${key}":${encode(value[key], level + 1)}`;
  };
  return `{${Object.keys(value).sort().map(pair).join(",")}}`;
};
export const canonical = (bytes) => {
  const source = text(bytes);
  let value;
  try {
    value = JSON.parse(source);
  } catch {
    throw new Tampered("not JSON");
  }
  insist(isObject(value) && encode(value) === source, "no object in its one encoding");
  return value;
};

const KINDS = new Set(`log.opened log.head log.sealed log.pruned log.refused rules.adopted authority.stated
  person.added person.changed person.deactivated passkey.enrolled passkey.confirmed
  passkey.removed passkey.required request.asked request.questioned request.continued
  request.planned request.handed_over request.proposed request.replied action.proposed
  action.refused action.pending action.approved action.rejected action.edited action.expired
  action.withdrawn request.withdrawn action.stale action.held action.intent action.accepted action.succeeded action.failed
  action.unknown action.reconciled action.resolved action.compensated plan.undoing
  approval.refused approval.reminded approval.escalated canary.shown canary.answered canary.ended
  stop.engaged stop.resume_asked stop.released stop.refused policy.activated policy.asked
  policy.withdrawn policy.refused limit.near rollout.wrong rollout.braked key.rotated
  audit.queried audit.exported audit.repair_asked audit.repaired audit.accept_asked audit.finding_accepted token.created token.revoked webhook.added webhook.rotated
  webhook.disabled webhook.enabled webhook.replayed webhook.removed prompt.chosen effect.seen thread.left
  work.taken work.noted work.ended work.late work.away customer.linked customer.unlinked
  customer.code_sent customer.searched customer.verified subject.erasing subject.erased subject.exported
  subject.held subject.release_asked subject.released subject.refused retention.swept
  tenant.placed tenant.leaving tenant.settled tenant.moved calls.turned_away`.split(/\s+/));
export const isText = (value) => typeof value === "string";
const matches = (pattern) => (value) => typeof value === "string" && pattern.test(value);
export const isHash = matches(/^[0-9a-f]{64}$/);
const isTenant = matches(/^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$/);
export const shaped = (shape) => (value) =>
  isObject(value) && Object.keys(value).length === Object.keys(shape).length &&
  Object.entries(shape).every(([key, holds]) => Object.hasOwn(value, key) && holds(value[key]));

const NEEDED = {
  v: (value) => value === 1,
  tenant: isTenant,
  seq: isCount,
  at: isCount,
  kind: (value) => KINDS.has(value),
  actor: shaped({ id: isText, kind: matches(/^(person|service|agent|system)$/) }),
};
const SHAPES = {
  ...NEEDED,
  action: isText, request: isText, approval: isText, name: isText, status: isText, rule: isText,
  subject: matches(/^sub_[A-Za-z0-9_-]{1,128}$/),
  amount: shaped({ amount_minor: Number.isSafeInteger, currency: matches(/^[A-Z]{3}$/) }),
  digest: isHash,
  data: isObject,
  pii: shaped({ alg: isText, c: isHash, ref: isText }),
};
export const judgeShape = (body) => {
  for (const key of Object.keys(NEEDED)) insist(Object.hasOwn(body, key), `no \`${key}\``);
  for (const [key, value] of Object.entries(body)) {
    const holds = Object.hasOwn(SHAPES, key) && SHAPES[key](value);
    insist(holds, `\`${key}\` is unknown, or of another shape`);
  }
};

// ---- section 2: the tree --------------------------------------------------------------------

export const leafHash = (body) => sha("\0", body);
const nodeHash = (left, right) => sha("\x01", left, right);
const odd = (n) => n % 2 === 1;
const shift = (n) => Math.floor(n / 2);

export class Unread extends Error {}

// The leaves that were read, and the root of each 256 where only that is known.
export class Tree {
  leaves = new Map();
  tiles = new Map();

  root(size) {
    return size === 0 ? sha("") : this.range(0, size);
  }

  range(low, count) {
    if (count === 256 && this.tiles.has(low)) return this.tiles.get(low);
    if (count === 1) {
      if (!this.leaves.has(low)) throw new Unread();
      return this.leaves.get(low);
    }
    let k = 1;
    while (k * 2 < count) k *= 2;
    const hash = nodeHash(this.range(low, k), this.range(low + k, count - k));
    if (count === 256) this.tiles.set(low, hash);
    return hash;
  }
}

// The root that an inclusion proof leads to (RFC 6962, 2.1.1).
export const included = (hash, index, size, proof) => {
  let [fn, sn, root] = [index, size - 1, hash];
  for (const other of proof) {
    insist(sn > 0, "a proof that is too long");
    if (odd(fn) || fn === sn) {
      root = nodeHash(other, root);
      while (!odd(fn) && fn > 0) [fn, sn] = [shift(fn), shift(sn)];
    } else root = nodeHash(root, other);
    [fn, sn] = [shift(fn), shift(sn)];
  }
  insist(sn === 0, "a proof that is too short");
  return root;
};

// Whether a consistency proof leads from one head to the other (RFC 6962, 2.1.2).
export const grew = (from, to, proof) => {
  if (from.size === to.size) return proof.length === 0 && from.root.equals(to.root);
  if (from.size === 0 || from.size > to.size) return false;
  let [fn, sn] = [from.size - 1, to.size - 1];
  while (odd(fn)) [fn, sn] = [shift(fn), shift(sn)];
  const path = fn === 0 ? [from.root, ...proof] : [...proof];
  let first = path.shift();
  let second = first;
  if (first === undefined) return false;
  for (const other of path) {
    if (sn === 0) return false;
    if (odd(fn) || fn === sn) {
      [first, second] = [nodeHash(other, first), nodeHash(other, second)];
      while (!odd(fn) && fn > 0) [fn, sn] = [shift(fn), shift(sn)];
    } else second = nodeHash(second, other);
    [fn, sn] = [shift(fn), shift(sn)];
  }
  return sn === 0 && first.equals(from.root) && second.equals(to.root);
};

// ---- section 3: keys, notes, heads ----------------------------------------------------------

const isName = (name) => /^[^\p{White_Space}+\p{Cc}]{1,255}$/u.test(name);
const LENGTH = { 1: 33, 4: 33, 6: 1313 };
const DER = { // what stands before a public key in DER, by its type
  1: "302a300506032b6570032100",
  4: "302a300506032b6570032100",
  6: "30820532300b06096086480165030403110382052100",
};

export const readKey = (vkey) => {
  const [, name, id, word] = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/s.exec(vkey) ?? [];
  insist(name !== undefined && isName(name), "no public key");
  const bytes = base64(word);
  insist(bytes.length > 0 && bytes.length === LENGTH[bytes[0]], "a public key of another type");
  insist(hex(name, "\n", bytes).slice(0, 8) === id, "a public key with another id");
  return { vkey, name, id, type: bytes[0], bytes };
};

const fits = (key, message, signature) => {
  const der = Buffer.concat([Buffer.from(DER[key.type], "hex"), key.bytes.subarray(1)]);
  try {
    const built = createPublicKey({ key: der, format: "der", type: "spki" });
    return verify(null, message, built, signature);
  } catch (error) {
    expect(key.type !== 6, `not checked: this Node has no ML-DSA-44 (${error.code})`);
    return false;
  }
};

export const readNote = (bytes) => {
  insist(bytes.length <= 16384, "a note of more than 16,384 bytes");
  const whole = text(bytes);
  const cut = whole.lastIndexOf("\n\n");
  insist(cut >= 0 && !/[\0-\x09\x0b-\x1f]/.test(whole), "no note");
  const signatures = lines(whole.slice(cut + 2)).map((line) => {
    const [, name, word] = /^— ([^ ]+) ([^ ]+)$/.exec(line) ?? [];
    insist(name !== undefined && isName(name), "no signature line");
    const signature = base64(word);
    insist(signature.length > 4, "a signature without bytes");
    return { name, id: signature.toString("hex", 0, 4), bytes: signature.subarray(4) };
  });
  insist(signatures.length >= 1 && signatures.length <= 16, "no signatures, or more than 16");
  const ids = new Set(signatures.map(({ name, id }) => `${name}+${id}`));
  insist(ids.size === signatures.length, "two signatures of one key");
  return { text: whole.slice(0, cut + 1), signatures };
};

// Those of the keys that signed the note, line by line; one that does not fit spoils the note.
export const signersOf = (note, keys) =>
  note.signatures.flatMap(({ name, id, bytes }) => {
    const key = keys.find((one) => one.name === name && one.id === id);
    if (key === undefined) return [];
    let [message, signature] = [Buffer.from(note.text), bytes];
    if (key.type !== 1) {
      insist(signature.length > 8, "a cosignature without a time");
      const time = signature.subarray(0, 8);
      signature = signature.subarray(8);
      const head = `cosignature/v1\ntime ${time.readBigUInt64BE()}\n`;
      message = key.type === 4
        ? Buffer.concat([Buffer.from(head), message])
        : subtreeMessage(key.name, time, note.text);
    }
    insist(fits(key, message, signature), `the signature of ${key.name}+${key.id} does not fit`);
    return [key];
  });

const subtreeMessage = (name, time, checkpoint) => {
  const [origin, size, root] = checkpoint.split("\n");
  const counted = (word) => Buffer.concat([Buffer.of(Buffer.byteLength(word)), Buffer.from(word)]);
  const numbers = Buffer.alloc(16);
  numbers.writeBigUInt64BE(BigInt(size), 8);
  const label = Buffer.from("subtree/v1\n\0");
  return Buffer.concat(
    [label, counted(name), time, counted(origin), numbers, Buffer.from(root, "base64")]);
};

export const readSize = (word) => {
  insist(/^(0|[1-9][0-9]{0,15})$/.test(word) && isCount(Number(word)), "no size");
  return Number(word);
};
export const readHead = (bytes) => {
  const note = readNote(bytes);
  const [origin, size, root, ...more] = lines(note.text);
  insist(isName(origin) && root !== undefined && more.length === 0, "no checkpoint");
  return { note, origin, size: readSize(size), root: base64(root, 32) };
};

// A proof that a log only grew, as a witness takes it (c2sp.org/tlog-witness).
export const readGrown = (bytes) => {
  const whole = text(bytes);
  const cut = whole.indexOf("\n\n");
  const [old, ...hashes] = lines(whole.slice(0, cut + 1));
  insist(cut >= 0 && old.startsWith("old ") && hashes.length <= 63, "no proof of growth");
  const proof = hashes.map((one) => base64(one, 32));
  return { from: readSize(old.slice(4)), proof, head: readHead(Buffer.from(whole.slice(cut + 2))) };
};

// ---- c2sp.org/tlog-policy -------------------------------------------------------------------

export const readPolicy = (bytes) => {
  const policy = { logs: [], witnesses: [], quorum: undefined };
  const judges = new Map([["none", () => true]]);
  const used = new Set(["none"]);
  const judgeOf = (name) => {
    expect(judges.has(name), `the policy has no ${name}`);
    return judges.get(name);
  };
  const define = (name, judge) => {
    expect(!judges.has(name), `the policy has ${name} twice`);
    judges.set(name, judge);
  };
  const seen = new Set();
  const keyOf = (vkey, unfit) => {
    const key = readKey(vkey);
    const one = unfit === 1 ? key.bytes.subarray(1).toString("hex") : vkey; // a key signs many logs
    expect(key.type !== unfit && !seen.has(one), "the policy has an unfit key, or one twice");
    seen.add(one);
    return key;
  };
  for (const line of lines(text(bytes))) {
    const [word, ...rest] = line.split(/[ \t]+/).filter((one) => one !== "");
    if (word === undefined || word.startsWith("#")) continue;
    if (word === "log" && (rest.length === 1 || rest.length === 2)) {
      policy.logs.push(keyOf(rest[0], 4));
    } else if (word === "witness" && (rest.length === 2 || rest.length === 3)) {
      const key = keyOf(rest[1], 1);
      policy.witnesses.push(key);
      define(rest[0], (signed) => signed.includes(key));
    } else if (word === "group" && rest.length >= 3) {
      const [name, count, ...names] = rest;
      const members = names.map((one) => {
        expect(!used.has(one), `the policy counts ${one} twice`);
        used.add(one);
        return judgeOf(one);
      });
      const least = { any: 1, all: names.length }[count] ?? readSize(count);
      expect(least >= 1 && least <= names.length, "a group that asks for another number");
      define(name, (signed) => members.filter((judge) => judge(signed)).length >= least);
    } else if (word === "quorum" && rest.length === 1 && policy.quorum === undefined) {
      policy.quorum = judgeOf(rest[0]);
      policy.asksFor = rest[0] !== "none";
    } else throw new Open(`a line of the policy: ${line}`);
  }
  expect(policy.quorum !== undefined, "the policy has no quorum");
  return policy;
};
