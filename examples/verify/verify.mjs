#!/usr/bin/env node
// Checks an export of Countersign with nothing but Node's standard library: node verify.mjs FOLDER [KEYS.json]
// It shares no code with the server. docs/evidence.md describes the formats. Exits 1 when something is wrong.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync, readdirSync, existsSync } from "node:fs";
import { join } from "node:path";

const [folder, keysFile] = process.argv.slice(2);
if (!folder) { console.error("usage: verify.mjs FOLDER [KEYS.json]"); process.exit(2); }
const problems = [];
const wrong = (where, what) => problems.push(`${where}: ${what}`);
const file = (...path) => readFileSync(join(folder, ...path));
const json = (text) => JSON.parse(text);
const sha256 = (...parts) => parts.reduce((h, p) => h.update(p), createHash("sha256")).digest();
const leafHash = (entry) => sha256(Buffer.of(0), entry);
const nodeHash = (left, right) => sha256(Buffer.of(1), left, right);
const rawKey = (raw) => createPublicKey({ key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), raw]), format: "der", type: "spki" });

// ---- checkpoints (C2SP signed note)

const keys = json(keysFile ? readFileSync(keysFile) : file("keys.json"));
const logKeys = keys.log.map(({ vkey }) => {
  const [name, id] = vkey.split("+", 2);
  const typed = Buffer.from(vkey.slice(name.length + id.length + 2), "base64");
  if (typed[0] !== 1 || sha256(name, "\n", typed).subarray(0, 4).toString("hex") !== id) throw new Error(`bad key ${vkey}`);
  return { name, id, key: rawKey(typed.subarray(1)) };
});

function openCheckpoint(note) {
  const end = note.lastIndexOf("\n\n");
  const text = note.slice(0, end + 1);
  const [origin, size, root] = text.split("\n");
  for (const line of note.slice(end + 2).split("\n").filter(Boolean)) {
    const [dash, name, signature] = line.split(" ");
    const bytes = Buffer.from(signature ?? "", "base64");
    const known = logKeys.find((k) => k.name === name && k.id === bytes.subarray(0, 4).toString("hex"));
    if (dash !== "\u2014" || !known || name !== origin) continue;
    if (!verify(null, Buffer.from(text), known.key, bytes.subarray(4))) return null;
    return { origin, size: Number(size), root: Buffer.from(root, "base64") };
  }
  return null;
}

// ---- the tree (RFC 9162, 2.1.3.2)

function includes(index, size, leaf, proof, root) {
  let [node, last, hash] = [index, size - 1, leaf];
  if (index >= size) return false;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) { node = Math.floor(node / 2); last = Math.floor(last / 2); }
    } else hash = nodeHash(hash, sibling);
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && hash.equals(root);
}

const treeHash = (hashes) => {
  if (hashes.length === 1) return hashes[0];
  const k = 2 ** Math.floor(Math.log2(hashes.length - 1));
  return nodeHash(treeHash(hashes.slice(0, k)), treeHash(hashes.slice(k)));
};

function tilePath(level, index, width) {
  let path = String(index % 1000).padStart(3, "0");
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) path = `x${String(rest % 1000).padStart(3, "0")}/${path}`;
  return `log/tile/${level}/${path}${width === 256 ? "" : `.p/${width}`}`;
}
const widthOf = (level, index, size) => Math.min(256, Math.floor(size / 256 ** level) - index * 256);

function hashesOf(level, index, size) {
  const bytes = file(tilePath(level, index, widthOf(level, index, size)));
  return Array.from({ length: bytes.length / 32 }, (_, i) => bytes.subarray(i * 32, i * 32 + 32));
}

// Every hash of a tile is taken in by the way from it to the root.
function tileInTree(index, { size, root }) {
  let hashes = hashesOf(0, index, size);
  for (let level = 0; ; level++) {
    const full = hashes.length === 256;
    if (!full) break;
    const above = hashesOf(level + 1, Math.floor(index / 256), size);
    if (!treeHash(hashes).equals(above[index % 256])) return false;
    [hashes, index] = [above, Math.floor(index / 256)];
  }
  // From a tile at the right edge on, the root follows from the last tiles of all levels.
  const peaks = [];
  for (let level = 8; level >= 0; level--) {
    const count = Math.floor(size / 256 ** level) % 256;
    if (count > 0) peaks.push(hashesOf(level, Math.floor(Math.floor(size / 256 ** level) / 256), size).slice(0, count));
  }
  let hash = null;
  for (const tile of peaks.reverse()) {
    const parts = [];
    for (let at = 0; at < tile.length;) {
      const length = 2 ** Math.floor(Math.log2(tile.length - at));
      parts.push(treeHash(tile.slice(at, at + length)));
      at += length;
    }
    for (const part of parts.reverse()) hash = hash ? nodeHash(part, hash) : part;
  }
  return hash !== null && hash.equals(root);
}

const bundles = new Map();
function leafAt(index, head) {
  const bundle = Math.floor(index / 256);
  if (!bundles.has(bundle)) {
    const bytes = file(tilePath("entries", bundle, widthOf(0, bundle, head.size)));
    const entries = [];
    for (let at = 0; at < bytes.length; at += 2 + bytes.readUInt16BE(at)) entries.push(bytes.subarray(at + 2, at + 2 + bytes.readUInt16BE(at)));
    const good = hashesOf(0, bundle, head.size).every((hash, i) => hash.equals(leafHash(entries[i]))) && tileInTree(bundle, head);
    if (!good) wrong(tilePath("entries", bundle, entries.length), "is not in the log");
    bundles.set(bundle, good ? entries : []);
  }
  return bundles.get(bundle)[index % 256];
}

// ---- requests and decisions

function checkRequest(name, head) {
  const request = json(file("requests", name));
  for (const { index, version, type } of request.leaves) {
    const bytes = leafAt(index, head);
    if (!bytes) { wrong(name, `event ${index} is not proven`); continue; }
    const leaf = json(bytes);
    const entry = request.entries.find((e) => e.version === version);
    const same = leaf.request_id === request.id && leaf.digest === request.digest && leaf.policy === request.policy &&
      leaf.version === version && leaf.type === type && entry && leaf.state === entry.state &&
      leaf.entry_sha256 === sha256(entry.record).toString("hex");
    if (!same) wrong(name, `event ${index} tells of something else`);
  }
  for (const { version } of request.entries)
    if (!request.leaves.some((l) => l.version === version)) wrong(name, `the log lacks entry ${version}`);
  const opened = json(request.entries[0].record);
  if (opened.request.record_sha256 !== sha256(request.record).toString("hex") || opened.request.rules_sha256 !== sha256(request.rules).toString("hex"))
    wrong(name, "the request or its rules were changed");
  return request;
}

// Ed25519, or ECDSA on P-256 with SHA-256 in DER, which is the one form that Node takes here.
const signedBy = (key, bytes, signature) => key.asymmetricKeyType === "ed25519" ? verify(null, bytes, key, signature)
  : key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails.namedCurve === "prime256v1" && verify("sha256", bytes, key, signature);

function checkDecision(request) {
  const where = `decisions/${request.id}`;
  const envelope = json(file(`${where}.dsse.json`));
  const payload = Buffer.from(envelope.payload, "base64");
  const signedBytes = Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(envelope.payloadType)} ${envelope.payloadType} ${payload.length} `), payload]);
  const good = envelope.payloadType === "application/vnd.in-toto+json" &&
    keys.decision.some(({ pem }) => signedBy(createPublicKey(pem), signedBytes, Buffer.from(envelope.signatures[0].sig, "base64")));
  if (!good) return wrong(where, "is not signed by the key of decisions");
  const statement = json(payload);
  const { predicate } = statement;
  const leaf = Buffer.from(predicate.log.leaf, "base64");
  const said = json(leaf);
  if (`sha256:${statement.subject[0].digest.sha256}` !== request.digest || predicate.request.id !== request.id || said.request_id !== request.id ||
      said.digest !== request.digest || said.state !== predicate.decision || said.policy !== predicate.policy.digest)
    wrong(where, "says something else than its leaf");
  const proof = file(`${where}.tlog-proof`).toString();
  const checkpoint = openCheckpoint(proof.slice(proof.indexOf("\n\n") + 2));
  const lines = proof.slice(0, proof.indexOf("\n\n")).split("\n").filter((l) => !l.startsWith("extra "));
  if (!checkpoint || lines[0] !== "c2sp.org/tlog-proof@v1") return wrong(where, "its proof has no good checkpoint");
  const index = Number(lines[1].split(" ")[1]);
  const hashes = lines.slice(2).map((l) => Buffer.from(l, "base64"));
  if (index !== predicate.log.index || !includes(index, checkpoint.size, leafHash(leaf), hashes, checkpoint.root)) wrong(where, "is not in the log");
}

try {
  const head = openCheckpoint(file("log", "checkpoint").toString());
  if (!head) wrong("log/checkpoint", "is not signed by the key of the log");
  else {
    const manifest = json(file("manifest.json"));
    for (let index = manifest.first; index < manifest.end; index++) leafAt(index, head);
    for (const name of readdirSync(join(folder, "requests"))) {
      const request = checkRequest(name, head);
      if (existsSync(join(folder, `decisions/${request.id}.dsse.json`))) checkDecision(request);
      else if (request.entries.at(-1).state !== "pending") wrong(name, "has no signed decision");
    }
  }
} catch (error) { wrong("export", error.message); }
for (const problem of problems) console.log(problem);
console.log(problems.length === 0 ? "all of it holds together" : `${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
