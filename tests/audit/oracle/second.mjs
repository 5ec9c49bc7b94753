// A second verifier of bundles, written from docs/audit-format.md and nothing else of ours.
//
//   node second.mjs BUNDLE [--vkey KEY]… [--checkpoint FILE]… [--grown FILE]…
//                          [--policy FILE] [--segments DIR] [--quick]
//   node second.mjs --each          such words as a JSON array, line by line, from stdin
//
// Prints one JSON line of what it covered. Exit status: 0 verified, 1 tampered, 2 cannot judge.
// It needs Node and no package, holds the bundle in memory, and reads no time stamps.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";

import {
  Open, Tampered, Tree, Unread, base64, canonical, encode, expect, grew, hex, included, insist,
  isCount, isHash, isObject, isText, judgeShape, leafHash, lines, readGrown, readHead, readKey,
  readNote, readPolicy, readSize, shaped, signersOf, text,
} from "./second_format.mjs";

let report;
const say = (verdict, message) => void report.findings.push({ verdict, message });

// Does one thing; what is wrong with it is a finding, and the others are done as well.
const attempt = (what, does, otherwise) => {
  try {
    return does();
  } catch (error) {
    if (!(error instanceof Tampered || error instanceof Open)) throw error;
    say(error instanceof Open ? "cannot_judge" : "tampered", `${what}: ${error.message}`);
    return otherwise;
  }
};
const read = (path) => {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Open(`cannot be read (${error.code})`);
  }
};
// What the auditor gave is no part of what is judged, so nothing in it convicts.
const held = (does) => {
  try {
    return does();
  } catch (error) {
    throw error instanceof Tampered ? new Open(error.message) : error;
  }
};

// ---- section 9: segments --------------------------------------------------------------------

const isRow = shaped({
  bytes: isCount, count: isCount, file: isText, first: isCount, pruned_to: isCount, root: isText,
  rotations: Array.isArray, sealed_seq: isCount, sha256: isHash, tile: isText,
});
const isRotation = shaped({ note: isText, seq: isCount });

const readRows = (kept, tree) => {
  const rows = kept.map((line) => canonical(Buffer.from(line)));
  let pruning = true;
  rows.forEach((row, at) => {
    insist(isRow(row), "a segment of another shape");
    const { first, count, pruned_to: low } = row;
    insist(count >= 256 && count <= 65536 && Number.isInteger(Math.log2(count)), "its count");
    insist(count === rows[0].count && first === at * count, "segments that do not follow");
    insist(low >= first && low <= first + count && low % 256 === 0, "pruned to somewhere else");
    insist(pruning || low === first, "pruned before the one below it");
    pruning = low === first + count;
    const kept = base64(row.tile, count / 8);
    const own = new Tree();
    for (let n = 0; n < count / 256; n += 1) {
      own.tiles.set(first + n * 256, kept.subarray(n * 32, n * 32 + 32));
      if (first + n * 256 < low) tree.tiles.set(first + n * 256, own.tiles.get(first + n * 256));
    }
    row.hash = base64(row.root, 32);
    insist(own.range(first, count).equals(row.hash), "a tile that does not lead to its root");
    insist(row.rotations.every(isRotation), "its rotations");
  });
  return rows;
};

const tarHeader = (name, size) => {
  const head = Buffer.alloc(512);
  const octal = (value, digits) => value.toString(8).padStart(digits, "0");
  const fields = [[0, name], [100, octal(0o644, 7)], [108, octal(0, 7)], [116, octal(0, 7)],
    [124, octal(size, 11)], [136, octal(0, 11)], [148, "        "], [156, "0"],
    [257, "ustar\0"], [263, "00"]];
  for (const [place, word] of fields) head.write(word, place); // the rest stays zero
  head.write(`${octal(head.reduce((sum, one) => sum + one, 0), 6)}\0 `, 148);
  return head;
};
const readTar = (bytes) => {
  const members = [];
  let at = 0;
  while (bytes.length >= at + 512 && bytes[at] !== 0) {
    const head = bytes.subarray(at, at + 512);
    const name = text(head.subarray(0, head.indexOf(0)));
    const size = parseInt(head.toString("latin1", 124, 135), 8);
    insist(isCount(size) && tarHeader(name, size).equals(head), "a tar header of another form");
    const [end, next] = [at + 512 + size, at + 512 + Math.ceil(size / 512) * 512];
    const blank = bytes.length >= next && bytes.subarray(end, next).every((one) => one === 0);
    insist(blank, "a tar archive that ends early");
    members.push([name, bytes.subarray(at + 512, end)]);
    at = next;
  }
  insist(bytes.length === at + 1024 && bytes.subarray(at).every((one) => one === 0), "tar's end");
  return members;
};
const tilePath = (index) => {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, "0");
  return digits.replace(/\d{3}(?=\d)/g, "x$&/");
};
const readEntries = (tile) => {
  const bodies = [];
  let at = 0;
  while (at + 2 <= tile.length) {
    const end = at + 2 + (tile.readUInt16BE(at) || 65536);
    insist(end <= tile.length, "a tile of entries that ends early");
    bodies.push(tile.subarray(at + 2, end));
    at = end;
  }
  insist(at === tile.length && bodies.length === 256, "a tile with another number of entries");
  return bodies;
};

// A segment's file, once its parts lead to one another: its bodies and its checkpoint.
const readSegment = (bytes, row, log) => {
  insist(bytes.length === row.bytes && hex(bytes) === row.sha256, "other content");
  let unpacked;
  try {
    unpacked = gunzipSync(bytes, { maxOutputLength: 2 ** 33 });
  } catch (error) {
    throw new Tampered(`no gzip (${error.code})`);
  }
  const members = readTar(unpacked);
  const take = (name) => {
    const [found, content] = members.shift() ?? [];
    insist(found === name, `no ${name} in its place`);
    return content;
  };
  const { first, count } = row;
  const manifest = text(take("manifest.json"));
  const head = readHead(take("checkpoint"));
  take("vkeys");
  const proof = lines(text(take("proof"))).map((one) => base64(one, 32));
  const own = new Tree();
  const bodies = [];
  for (let low = first; low < first + count; low += 256)
    bodies.push(...readEntries(take(`tile/entries/${tilePath(low / 256)}`)));
  bodies.forEach((body, at) => own.leaves.set(first + at, leafHash(body)));
  [1, 256, 65536].forEach((width, level) => {
    for (let low = first; low + width * 256 <= first + count; low += width * 256) {
      const hashes = Array.from({ length: 256 }, (_, at) => own.range(low + at * width, width));
      const tile = take(`tile/${level}/${tilePath(low / width / 256)}`);
      insist(tile.equals(Buffer.concat(hashes)), "a tile of other entries");
    }
  });
  insist(members.length === 0, "more members than it should have");
  const told = { count, first, format: "sayso-audit-segment", origin: log.origin,
    size: head.size, tenant: log.tenant, version: 1 };
  insist(manifest === `${encode(told)}\n`, "its manifest");
  insist(head.origin === log.origin && head.size >= first + count, "another log's checkpoint");
  insist(own.range(first, count).equals(row.hash), "its entries do not lead to the kept root");
  const led = included(row.hash, first / count, Math.ceil(head.size / count), proof);
  insist(led.equals(head.root), "its proof does not lead to its checkpoint");
  return { bodies, head };
};

const readSegments = (rows, folder, log) => {
  report.segments = rows.map((row) => {
    const path = folder && join(folder, log.tenant.replaceAll(":", "%3a"), row.file);
    const told = { first: row.first, file: row.file, state: "not at hand" };
    if (path) told.state = existsSync(path) ? "damaged" : "missing";
    if (told.state === "missing") say("cannot_judge", `pruned: ${row.file} is missing`);
    if (told.state !== "damaged") return told;
    row.read = attempt(row.file, () => readSegment(read(path), row, log));
    if (row.read) told.state = "read";
    return told;
  });
};

// ---- section 3: which key signs heads of which size -----------------------------------------

class Keys {
  constructor(first, origin) {
    insist(first.type === 1 && first.name === origin, "a key of another log");
    this.all = [{ from: 0, key: first }];
  }
  get newest() {
    return this.all.at(-1).key;
  }
  at(size) {
    return this.all.findLast(({ from }) => from <= size).key;
  }
  rotate(word, seq, origin, root) {
    const note = readNote(Buffer.from(word));
    const [head, log, size, own, vkey, ...more] = lines(note.text);
    insist(head === "sayso.key-rotation/v1" && vkey !== undefined && more.length === 0, "no note");
    insist(log === origin && readSize(size) === seq, "of another log, or in another place");
    insist(root === undefined || root.equals(base64(own, 32)), "over another root");
    const next = readKey(vkey);
    insist(next.type === 1 && next.name === origin, "a key of another log");
    insist(this.all.every(({ key }) => key.vkey !== vkey), "a key that the log had before");
    insist(signersOf(note, [this.newest, next]).length === 2, "not signed by both keys");
    this.all.push({ from: seq + 1, key: next });
  }
}

// ---- sections 5 and 6: a bundle -------------------------------------------------------------

class Log {
  tree = new Tree();
  changes = []; // of keys, where the entries were read
  constructor(told) {
    Object.assign(this, told);
  }
  // The root at a size; undefined at one that lies among entries that were not read.
  rootAt(size) {
    try {
      return this.tree.root(size);
    } catch (error) {
      if (error instanceof Unread) return undefined;
      throw error;
    }
  }
}

const PARTS = ["checkpoint", "entries.jsonl", "proofs.jsonl", "segments.jsonl", "vkeys"];

// One that is missing is a finding; one that is there and cannot be read says nothing of the log.
const readPart = (path, name) => {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error.code !== "ENOENT") throw new Open(`${name} cannot be read (${error.code})`);
    return say("cannot_judge", `${name}: is missing`);
  }
};

// What the manifest says that the folder is; what is no bundle cannot be judged.
const readBundle = (folder) => {
  const manifest = read(join(folder, "manifest.json"));
  const { format, version, full, tenant, origin } = held(() =>
    canonical(manifest.at(-1) === 10 ? manifest.subarray(0, -1) : manifest));
  expect(isText(tenant) && isText(origin), "no bundle");
  expect(format === "sayso-audit-bundle", "no bundle");
  expect(version === 1 || (version === 2 && full), "no bundle of version 1 or 2");
  const names = PARTS.filter((name) => (name !== "proofs.jsonl" || full !== true) &&
    (name !== "segments.jsonl" || version === 2));
  const parts = { "manifest.json": manifest };
  for (const name of names) parts[name] = readPart(join(folder, name), name);
  return { parts, full: full === true, version };
};
// Its lines; one without an end is none, and reading breaks off there.
const wholeLines = (name, bytes) => {
  const found = [];
  let at = 0;
  for (let end; (end = (bytes ?? "").indexOf(10, at)) >= 0; at = end + 1)
    found.push(bytes.subarray(at, end));
  if (at < (bytes?.length ?? 0)) say("cannot_judge", `${name}: the last line has no line feed`);
  return found;
};
const readLines = (bytes) => {
  expect(bytes.length === 0 || bytes.at(-1) === 10, "the last line has no line feed");
  return lines(text(bytes));
};

const judgeManifest = (parts, log, bodies) => {
  const files = PARTS.filter((name) => parts[name] !== undefined).map((name) =>
    ({ bytes: parts[name].length, name, sha256: hex(parts[name]) }));
  const told = {
    count: bodies.length, files, first: bodies[0]?.seq ?? null, format: "sayso-audit-bundle",
    full: log.full, last: bodies.at(-1)?.seq ?? null, origin: log.origin, size: log.head.size,
    tenant: log.tenant, version: parts["segments.jsonl"] === undefined ? 1 : 2,
  };
  insist(text(parts["manifest.json"]) === `${encode(told)}\n`, "does not follow from the files");
};

const readBody = (bytes, log, seq) => {
  insist(bytes.length <= 65536, "an entry of more than 65,536 bytes");
  const body = canonical(bytes);
  insist(body.tenant === log.tenant && isCount(body.seq), "another log's entry");
  insist(seq === undefined || body.seq === seq, `${body.seq} in the place of ${seq}`);
  if (log.deep) attempt(`entry ${body.seq}`, () => judgeShape(body));
  return body;
};

// The entries that have a proof, each by its own.
const judgeFiltered = (parts, log, bodies) => {
  const { size, root } = log.head;
  const proofs = wholeLines("proofs.jsonl", parts["proofs.jsonl"]);
  const rows = [];
  for (let at = 0; at < Math.max(proofs.length, bodies.length); at += 1) {
    const row = attempt("proofs.jsonl", () => held(() => {
      expect(proofs[at] && bodies[at], "not one proof for each entry");
      const line = canonical(proofs[at]);
      expect(shaped({ proof: Array.isArray, seq: Number.isSafeInteger })(line), "no proof");
      expect(line.proof.every(isText), "no proof");
      return { seq: line.seq, proof: line.proof.map((one) => base64(one, 32)) };
    }));
    if (row === undefined) {
      const rest = Math.max(proofs.length, bodies.length) - at - 1; // of which the manifest tells
      if (rest > 0) say("tampered", `manifest.json: ${rest} lines behind it were not read`);
      break;
    }
    attempt(`the entry ${row.seq}`, () => {
      insist(row.seq === bodies[at].seq && row.seq < size, "in another place");
      insist(at === 0 || row.seq > rows[at - 1].seq, "not in the order of the log");
      insist(included(bodies[at].leaf, row.seq, size, row.proof).equals(root), "not in the tree");
    });
    rows.push(row);
  }
  return rows;
};

const judgeFull = (log, rows, bodies) => {
  const low = rows.findLast((row) => row.pruned_to > row.first)?.pruned_to ?? 0;
  report.pruned_to = low;
  const all = [];
  for (const row of rows)
    (row.read?.bodies ?? []).slice(0, row.pruned_to - row.first).forEach((bytes, at) => {
      all.push({ ...readBody(bytes, log, row.first + at), leaf: leafHash(bytes) });
    });
  bodies.forEach((body, at) => insist(body.seq === low + at, `${body.seq} is not ${low + at}`));
  all.push(...bodies);
  for (const { seq, leaf } of all) log.tree.leaves.set(seq, leaf);
  insist(low + bodies.length === log.head.size, "the head has another size");
  insist(log.tree.root(log.head.size).equals(log.head.root), "the head has another root");
  const told = walk(log, rows, all);
  if (rows.length === 0 && log.version === 1) return;
  insist((told.pruned?.size ?? 0) === low, "the log tells of another pruning");
  insist(low === 0 || told.pruned.root === log.tree.root(low).toString("base64"), "another root");
  for (const row of rows) judgeRow(log, row, told.sealed);
  insist(told.sealed.size === 0, "the log tells of a segment that has no row");
};

// Entry by entry: the keys, what was sealed, what was pruned.
const walk = (log, rows, all) => {
  const seen = new Set(all.map(({ seq }) => seq));
  const unread = rows.flatMap(({ rotations, pruned_to: low }) => rotations
    .filter(({ seq }) => seq < low && !seen.has(seq))
    .map(({ seq, note }) => ({ seq, kind: "key.rotated", data: { note }, unread: true })));
  const told = { sealed: new Map(), pruned: undefined };
  let last = 0;
  for (const one of [...unread, ...all].sort((a, b) => a.seq - b.seq)) {
    const { seq, kind, data, at } = one;
    if (kind === "key.rotated") attempt(`the change of keys at ${seq}`, () => {
      insist(isText(data?.note), "no note");
      if (!one.unread) log.changes.push({ note: data.note, seq });
      log.keys.rotate(data.note, seq, log.origin, one.unread ? undefined : log.rootAt(seq));
    });
    if (kind === "log.sealed") told.sealed.set(data?.first, { ...data, sealed_seq: seq });
    if (kind === "log.pruned") told.pruned = isObject(data) ? data : {};
    if (at < last) report.warnings.push(`the time goes back at ${seq}`);
    last = at ?? last;
  }
  return told;
};

const judgeRow = (log, row, sealed) => {
  const { first, count, bytes, file, root, sha256, sealed_seq: seq } = row;
  const told = sealed.get(first);
  sealed.delete(first);
  if (told !== undefined || log.tree.leaves.has(seq) || seq >= log.head.size) {
    const same = { bytes, count, file, first, root, sealed_seq: seq, sha256 };
    insist(told && encode(told) === encode(same), `the segment ${first} was sealed otherwise`);
  }
  const own = first + count <= log.head.size && log.tree.range(first, count);
  insist(!own || own.equals(row.hash), `the segment ${first} has other entries`);
  const kept = row.rotations.filter(({ seq: at }) => row.read || at >= row.pruned_to);
  const changes = log.changes.filter(({ seq: at }) => at >= first && at < first + count);
  insist(encode(kept) === encode(changes), `the segment ${first} keeps other changes of keys`);
  if (row.read) attempt(file, () => {
    const { head } = row.read;
    const here = head.size <= log.head.size && log.rootAt(head.size);
    insist(!here || here.equals(head.root), "its checkpoint");
    insist(signersOf(head.note, log.keys.all.map(({ key }) => key)).length > 0, "its signature");
  });
};

// ---- section 6.5: what the auditor holds ----------------------------------------------------

const judgeCheckpoint = (log, head, asked) => {
  expect(head.origin === log.origin, `it is one of ${head.origin}`);
  const listed = log.keys.all.map(({ key }) => key);
  const others = asked.pinned.filter(({ vkey, name }) =>
    name === log.origin && listed.every((key) => key.vkey !== vkey));
  const own = log.full ? [log.keys.at(head.size)] : listed;
  const signed = held(() => signersOf(head.note, [...own, ...others]));
  // Anybody can write one, so it convicts only by a known key, or by the policy's witnesses.
  if (signed.length === 0) say("cannot_judge", "a checkpoint: no key of the log signed it");
  if (signed.length === 0 && !held(() => isAnchor(log, head, asked.policy))) return;
  if (head.size > log.head.size) {
    expect(!begins(log.head, head, asked.grown), "the bundle is older than that");
    throw new Tampered(`rolled back: ${log.head.size} < ${head.size}`);
  }
  const smaller = !log.full && head.size < log.head.size;
  expect(!smaller || begins(head, log.head, asked.grown), "no proof leads from it to the head");
  const here = log.full ? log.rootAt(head.size) : smaller ? head.root : log.head.root;
  expect(here !== undefined, "of a size among entries that were not read");
  insist(here.equals(head.root), "forked");
  report.checkpoints.push(head.size);
};

// Whether enough witnesses cosigned a head, and the log with each of its second keys.
const isAnchor = ({ origin }, head, policy) => {
  if (policy === undefined) return false;
  const seconds = policy.logs.filter(({ type, name }) => type === 6 && name === origin);
  const signed = signersOf(head.note, [...policy.witnesses, ...seconds]);
  return seconds.every((key) => signed.includes(key)) && policy.quorum(signed);
};

// How far enough witnesses vouch for it: by heads that what was read agrees with.
const judgeAnchors = (log, heads, { policy }) => {
  for (const head of heads.filter(({ origin }) => origin === log.origin)) {
    const judged = () => isAnchor(log, head, policy);
    const anchors = attempt("a cosignature", head === log.head ? judged : () => held(judged), false);
    const here = head.size === log.head.size ? log.head.root
      : log.full && head.size < log.head.size && log.rootAt(head.size);
    if (anchors && here && here.equals(head.root))
      report.anchored = Math.max(report.anchored ?? 0, head.size);
  }
  expect(report.anchored !== null || !policy.asksFor, "too few cosignatures");
};

// Whether proofs lead from the one head to the other, one after the other.
const leads = (from, to, grown) => {
  if (from.size === to.size) return from.root.equals(to.root);
  return grown.some((one) => one.from === from.size && one.head.size > from.size &&
    grew(from, one.head, one.proof) && leads(one.head, to, grown));
};

// Of two trees that begin the same third one, the smaller begins the larger.
const begins = (from, to, grown) => leads(from, to, grown) ||
  grown.some(({ head }) => leads(from, head, grown) && leads(to, head, grown));

const judge = (folder, asked) => {
  const { parts, full, version } = readBundle(folder);
  for (const name of ["checkpoint", "vkeys", ...(version === 2 ? ["segments.jsonl"] : [])])
    expect(parts[name] !== undefined, `no ${name}`);
  const vkeys = readLines(parts.vkeys);
  expect(vkeys.length > 0, "no keys");
  const segments = full && parts["segments.jsonl"] && readLines(parts["segments.jsonl"]);
  const head = readHead(parts.checkpoint);
  const tenant = head.origin.slice(head.origin.lastIndexOf("/") + 1);
  insist(head.origin.includes("/"), "an origin without a tenant");
  const log = new Log({ origin: head.origin, tenant, head, full, version, deep: asked.deep });
  Object.assign(report, { tenant, origin: head.origin, size: head.size, full,
    root: head.root.toString("hex"), checkpoints: [], anchored: null });
  const keys = vkeys.map(readKey);
  insist(keys.every(({ type }) => type === 1), "a key that signs no log");
  const bodies = wholeLines("entries.jsonl", parts["entries.jsonl"])
    .map((line) => ({ ...readBody(line, log), leaf: leafHash(line) }));
  const proven = full ? bodies : judgeFiltered(parts, log, bodies);
  report.entries = proven.length;
  attempt("manifest.json", () => judgeManifest(parts, log, proven));
  if (full) {
    log.keys = new Keys(keys[0], head.origin);
    const rows = readRows(segments ?? [], log.tree);
    readSegments(rows, asked.segments, log);
    judgeFull(log, rows, bodies);
    const told = log.keys.all.map(({ key }) => key.vkey);
    insist(told.sort().join() === [...vkeys].sort().join(),
      "the listed keys are not those of the entries");
  } else log.keys = { all: keys.map((key) => ({ from: 0, key })) };
  const pinned = new Set(asked.pinned.map(({ vkey }) => vkey));
  const known = [...keys, ...asked.pinned.filter(({ vkey }) => !vkeys.includes(vkey))];
  const signed = signersOf(head.note, known.filter(({ name }) => name === head.origin));
  insist(signed.every(({ vkey }) => vkeys.includes(vkey)), "signed by a pinned key, not listed");
  insist(signed.length > 0, "no key of the log signed the head");
  const signer = signed[0];
  insist(!full || signer.vkey === log.keys.at(head.size).vkey, "a key of the log's other sizes");
  report.vkey = signer.vkey;
  const mine = full ? log.keys.all.map(({ key }) => key.vkey) : [signer.vkey];
  report.pinned = mine.some((vkey) => pinned.has(vkey));
  if (pinned.size > 0 && !report.pinned) say("cannot_judge", "none of the keys is pinned");
  for (const one of asked.checkpoints)
    attempt("a checkpoint", () => judgeCheckpoint(log, one, asked));
  if (asked.policy)
    attempt("the policy", () => judgeAnchors(log, [head, ...asked.checkpoints], asked));
  if (proven.length === 0) say("cannot_judge", "nothing to verify");
};

const many = { type: "string", multiple: true, default: [] };
const OPTIONS = { vkey: many, checkpoint: many, grown: many, policy: { type: "string" },
  segments: { type: "string" }, quick: { type: "boolean", default: false } };

const parse = (args) => {
  try {
    return parseArgs({ args, allowPositionals: true, options: OPTIONS });
  } catch (error) {
    throw new Open(error.message);
  }
};
const main = (args) => {
  const { values, positionals: [folder, ...more] } = parse(args);
  expect(folder !== undefined && more.length === 0, "name one bundle");
  const asked = held(() => ({
    keys: values.vkey.map(readKey),
    checkpoints: values.checkpoint.map((path) => readHead(read(path))),
    grown: values.grown.map((path) => readGrown(read(path))),
    policy: values.policy === undefined ? undefined : readPolicy(read(values.policy)),
    segments: values.segments, deep: !values.quick,
  }));
  asked.pinned = [...asked.keys, ...(asked.policy?.logs ?? [])].filter(({ type }) => type === 1);
  judge(folder, asked);
};

const verdictOn = (args) => {
  report = { verdict: "", exit_status: 2, entries: 0, findings: [], warnings: [] };
  try {
    attempt("the bundle", () => main(args));
  } catch (error) { // what nobody foresaw is no verdict
    say("cannot_judge", `the verifier broke off: ${error.message}`);
  }
  const told = report.findings.map(({ verdict }) => verdict);
  report.verdict = ["tampered", "cannot_judge"].find((one) => told.includes(one)) ?? "verified";
  report.exit_status = { verified: 0, tampered: 1, cannot_judge: 2 }[report.verdict];
  console.log(JSON.stringify(report));
  return report.exit_status;
};

const words = process.argv.slice(2);
if (words[0] === "--each")
  for (const line of lines(text(readFileSync(0)))) verdictOn(JSON.parse(line));
else process.exitCode = verdictOn(words);
