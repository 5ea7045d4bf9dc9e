"use strict";
// What checks evidence in a reader's browser: WebCrypto, no network, no page. Shared by the page of an export and the
// receipt of a decision.
const fromBase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const utf8 = (text) => new TextEncoder().encode(text);
const asText = (bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
const same = (a, b) => a !== undefined && b !== undefined && hex(a) === hex(b);
const joined = (...parts) => { const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0)); let at = 0; for (const p of parts) { all.set(p, at); at += p.length; } return all; };
const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
const leafHash = (entry) => sha256(Uint8Array.of(0), entry);
const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);
const edKey = (raw) => crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]);
const verify = (key, signature, bytes) => crypto.subtle.verify("Ed25519", key, signature, bytes);
// Keys of statements: Ed25519 (44 bytes of DER), or P-256 (91), whose signatures are ECDSA with SHA-256 in DER.
async function statementKey(pem) {
  const der = fromBase64(pem.replace(/-----[A-Z ]+-----|\s/g, ""));
  if (der.length === 44) { const key = await edKey(der.slice(12)); return (signature, bytes) => verify(key, signature, bytes); }
  const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("spki", der, ecdsa, false, ["verify"]);
  return async (signature, bytes) => { const raw = rawOfDer(signature); return raw !== null && crypto.subtle.verify(ecdsa, key, raw, bytes); };
}
// r and s side by side, as WebCrypto takes them, of a signature in DER; null where it is none.
function rawOfDer(der) {
  const raw = new Uint8Array(64);
  let at = 2;
  if (der[0] !== 0x30 || der[1] !== der.length - 2 || der[1] >= 0x80) return null;
  for (const end of [32, 64]) {
    const length = der[at + 1];
    let number = der.slice(at + 2, at + 2 + length);
    if (der[at] !== 2 || number.length !== length || length === 0 || number[0] >= 0x80) return null;
    if (number[0] === 0 && length > 1) { if (number[1] < 0x80) return null; number = number.slice(1); }
    if (number.length > 32) return null;
    raw.set(number, end - number.length);
    at += 2 + length;
  }
  return at === der.length ? raw : null;
}

// Signatures of the log are Ed25519, which browsers have had only for a while.
async function needEd25519() {
  if (!globalThis.crypto?.subtle) throw new Error("browsers check signatures only on pages that came by https");
  const known = await edKey(new Uint8Array(32).fill(1)).then(() => true, () => false);
  if (!known) throw new Error("this browser cannot check Ed25519 signatures: take a newer one, or `countersign audit verify`");
}

// ---- checkpoints (C2SP signed note)
async function readLogKeys(keys) {
  const known = [];
  for (const { vkey } of keys.log) {
    const [name, id] = vkey.split("+", 2);
    const typed = fromBase64(vkey.slice(name.length + id.length + 2));
    if (typed[0] === 1 && hex((await sha256(utf8(`${name}\n`), typed)).slice(0, 4)) === id) known.push({ name, id, key: await edKey(typed.slice(1)) });
  }
  return known;
}
// Size and root of a checkpoint that one of these keys signed; null: of none.
async function openCheckpoint(note, logKeys) {
  const end = note.lastIndexOf("\n\n");
  const text = note.slice(0, end + 1);
  const [origin, size, root] = text.split("\n");
  for (const line of note.slice(end + 2).split("\n").filter(Boolean)) {
    const [dash, name, signature] = line.split(" ");
    const bytes = fromBase64(signature ?? "");
    const known = logKeys.find((k) => k.name === name && k.id === hex(bytes.slice(0, 4)));
    if (dash !== "\u2014" || !known || name !== origin) continue;
    return (await verify(known.key, bytes.slice(4), utf8(text))) ? { size: Number(size), root: fromBase64(root) } : null;
  }
  return null;
}

// ---- the tree (RFC 9162, 2.1.3.2)
async function includes(index, size, leaf, proof, root) {
  let [node, last, hash] = [index, size - 1, leaf];
  if (index < 0 || index >= size) return false;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = await nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) { node = Math.floor(node / 2); last = Math.floor(last / 2); }
    } else hash = await nodeHash(hash, sibling);
    node = Math.floor(node / 2); last = Math.floor(last / 2);
  }
  return last === 0 && same(hash, root);
}
async function treeHash(hashes) {
  if (hashes.length === 1) return hashes[0];
  const k = 2 ** Math.floor(Math.log2(hashes.length - 1));
  return nodeHash(await treeHash(hashes.slice(0, k)), await treeHash(hashes.slice(k)));
}

// Whether a file in the form of a C2SP tlog-proof proves that this leaf is the log's event `index`.
async function provesLeaf(proof, leaf, index, logKeys) {
  const end = proof.indexOf("\n\n");
  const checkpoint = await openCheckpoint(proof.slice(end + 2), logKeys);
  const [, place, ...hashes] = proof.slice(0, end).split("\n").filter((line) => !line.startsWith("extra "));
  return checkpoint !== null && place === `index ${index}` &&
    (await includes(index, checkpoint.size, await leafHash(leaf), hashes.map(fromBase64), checkpoint.root));
}

// ---- statements (DSSE)
// The statement in an envelope that one of these keys signed; null: none did.
async function openEnvelope(envelope, decisionKeys) {
  const payload = fromBase64(envelope.payload);
  const signedBytes = joined(utf8(`DSSEv1 ${utf8(envelope.payloadType).length} ${envelope.payloadType} ${payload.length} `), payload);
  let good = false;
  for (const verifies of decisionKeys) good ||= await verifies(fromBase64(envelope.signatures[0].sig), signedBytes);
  return good && envelope.payloadType === "application/vnd.in-toto+json" ? JSON.parse(asText(payload)) : null;
}
// Whether a statement says of this request what the leaf that it names says.
function agrees({ subject, predicate }, { id, digest }) {
  const said = JSON.parse(asText(fromBase64(predicate.log.leaf)));
  return `sha256:${subject[0].digest.sha256}` === digest && predicate.request.id === id && said.request_id === id && said.digest === digest &&
    said.state === predicate.decision;
}

// RFC 8785: JavaScript sorts and writes as it asks for.
const canonical = (v) => v === null || typeof v !== "object" ? JSON.stringify(v)
  : Array.isArray(v) ? `[${v.map(canonical).join(",")}]`
  : `{${Object.keys(v).sort().map((k) => `${JSON.stringify(k)}:${canonical(v[k])}`).join(",")}}`;

const element = (tag, text, parent) => { const made = document.createElement(tag); if (text !== undefined) made.textContent = text; parent.append(made); return made; };
// What cannot be seen is shown as an escape.
const shown = (value) => String(value ?? "").replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}]/gu, (c) => (c === "\n" ? c : `\\u{${c.codePointAt(0).toString(16)}}`));
// The facts of a signed statement, as a table, and its votes, as another one.
function showStatement({ request: asked, ...predicate }, digest, section) {
  const facts = [["Environment", asked.environment], ["Resource", asked.resource], ["Asked by", `${asked.requestedBy.name} (${asked.requestedBy.kind})`],
    ["Behind it", predicate.behind.join(", ")], ["Asked", asked.requestedAt], ["Decided", predicate.decidedAt], ["Reason", predicate.reason],
    ["Rules", predicate.policy.rules.join(", ")], ["Digest", digest], ["Log index", predicate.log.index]];
  const table = element("table", undefined, section);
  for (const [name, value] of facts) { if (value === null || value === "") continue; const row = element("tr", undefined, table); element("th", name, row); element("td", shown(value), row); }
  if (predicate.votes.length === 0) return;
  const votes = element("table", undefined, section);
  const head = element("tr", undefined, votes);
  head.className = "head";
  for (const name of ["Who", "Account", "Said", "Counted for", "When", "Why"]) element("th", name, head);
  for (const vote of predicate.votes) { const row = element("tr", undefined, votes); for (const value of [vote.person, vote.account, vote.verdict, vote.slot ?? "nothing", vote.castAt, vote.reason]) element("td", shown(value), row); }
}

