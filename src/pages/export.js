// Checks an export that stands in this page, with what verify.js has.
const files = JSON.parse(document.getElementById("files").textContent);
// ---- what is wrong, and the files
let logKeys = [];
const problems = [];
const wrong = (where, what) => problems.push(`${where}: ${what}`);
function file(path) { if (!Object.hasOwn(files, path)) throw new Error(`${path} is missing`); return fromBase64(files[path]); }
const json = (path) => JSON.parse(asText(file(path)));

// ---- the tree in tiles
function tilePath(level, index, width) {
  let path = String(index % 1000).padStart(3, "0");
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) path = `x${String(rest % 1000).padStart(3, "0")}/${path}`;
  return `log/tile/${level}/${path}${width === 256 ? "" : `.p/${width}`}`;
}
const widthOf = (level, index, size) => Math.min(256, Math.floor(size / 256 ** level) - index * 256);
function hashesOf(level, index, size) {
  const bytes = file(tilePath(level, index, widthOf(level, index, size)));
  return Array.from({ length: bytes.length / 32 }, (_, i) => bytes.slice(i * 32, i * 32 + 32));
}
async function tileInTree(index, { size, root }) {
  let hashes = hashesOf(0, index, size);
  for (let level = 0; hashes.length === 256; level++) {
    const above = hashesOf(level + 1, Math.floor(index / 256), size);
    if (!same(await treeHash(hashes), above[index % 256])) return false;
    [hashes, index] = [above, Math.floor(index / 256)];
  }
  let hash = null;
  for (let level = 0; level <= 8; level++) {
    const count = Math.floor(size / 256 ** level) % 256;
    if (count === 0) continue;
    const tile = hashesOf(level, Math.floor(Math.floor(size / 256 ** level) / 256), size).slice(0, count);
    const parts = [];
    for (let at = 0; at < tile.length;) { const length = 2 ** Math.floor(Math.log2(tile.length - at)); parts.push(await treeHash(tile.slice(at, at + length))); at += length; }
    for (const part of parts.reverse()) hash = hash ? await nodeHash(part, hash) : part;
  }
  return hash !== null && same(hash, root);
}
const bundles = new Map();
async function leafAt(index, head) {
  const bundle = Math.floor(index / 256);
  if (!bundles.has(bundle)) {
    const path = tilePath("entries", bundle, widthOf(0, bundle, head.size));
    const bytes = file(path);
    const entries = [];
    for (let at = 0; at < bytes.length;) { const length = bytes[at] * 256 + bytes[at + 1]; entries.push(bytes.slice(at + 2, at + 2 + length)); at += 2 + length; }
    let good = await tileInTree(bundle, head);
    const hashes = hashesOf(0, bundle, head.size);
    for (let i = 0; good && i < hashes.length; i++) good = entries[i] !== undefined && same(hashes[i], await leafHash(entries[i]));
    if (!good) wrong(path, "is not in the log");
    bundles.set(bundle, good ? entries : []);
  }
  return bundles.get(bundle)[index % 256];
}

// ---- requests and decisions
async function checkRequest(path, head) {
  const request = json(path);
  for (const { index, version, type } of request.leaves) {
    const bytes = await leafAt(index, head);
    if (!bytes) { wrong(path, `event ${index} is not proven`); continue; }
    const leaf = JSON.parse(asText(bytes));
    const entry = request.entries.find((e) => e.version === version);
    const good = entry && leaf.request_id === request.id && leaf.digest === request.digest && leaf.policy === request.policy && leaf.version === version &&
      leaf.type === type && leaf.state === entry.state && leaf.entry_sha256 === hex(await sha256(utf8(entry.record)));
    if (!good) wrong(path, `event ${index} tells of something else`);
  }
  for (const { version } of request.entries) if (!request.leaves.some((l) => l.version === version)) wrong(path, `the log lacks entry ${version}`);
  const opened = JSON.parse(request.entries[0].record);
  if (opened.request.record_sha256 !== hex(await sha256(utf8(request.record))) || opened.request.rules_sha256 !== hex(await sha256(utf8(request.rules))))
    wrong(path, "the request or its rules were changed");
  await checkWords(path, request);
  return request;
}
// Every text in the words must have its salted hash in the record, in the same place.
async function checkWords(path, request) {
  if (!request.salt) return;
  const salt = fromBase64(request.salt);
  const compare = async (words, record, where) => {
    if (typeof words === "string") {
      if (words !== record && hex(await sha256(salt, utf8(words))) !== record) wrong(path, `${where} is not what was recorded`);
    } else if (record !== null && typeof record === "object" && "erased" in record) {
      if (hex(await sha256(salt, utf8(canonical(words)))) !== record.erased) wrong(path, `${where} is not what was recorded`);
    } else if (words !== null && typeof words === "object") {
      for (const name of Object.keys(words)) await compare(words[name], record?.[name], `${where}/${name}`);
    } else {
      if (words !== record) wrong(path, `${where} is not what was recorded`);
    }
  };
  if (request.words) await compare(JSON.parse(request.words), JSON.parse(request.record), "words");
  for (const entry of request.entries) if (entry.words) await compare(JSON.parse(entry.words), JSON.parse(entry.record), `entry ${entry.version}`);
}
async function checkDecision(request, decisionKeys) {
  const where = `decisions/${request.id}`;
  const statement = await openEnvelope(json(`${where}.dsse.json`), decisionKeys);
  if (!statement) { wrong(where, "is not signed by the key of decisions"); return null; }
  const { predicate } = statement;
  if (!agrees(statement, request)) wrong(where, "says something else than its leaf");
  if (!(await provesLeaf(asText(file(`${where}.tlog-proof`)), fromBase64(predicate.log.leaf), predicate.log.index, logKeys))) wrong(where, "is not in the log");
  return predicate;
}

// ---- what a reader sees; all of it is set as text
function show(request, predicate) {
  const section = element("section", undefined, document.getElementById("requests"));
  const state = request.entries.at(-1).state;
  element("h2", `#${request.number} ${predicate ? shown(predicate.request.action) : request.id}: ${predicate?.decision ?? state}${predicate && predicate.decision !== state ? `, then ${state}` : ""}`, section);
  if (!predicate) return void element("p", "Nothing was decided when this was exported.", section);
  element("p", shown(predicate.request.intent), section);
  showStatement(predicate, request.digest, section);
}

async function main() {
  const keys = json("keys.json");
  for (const { vkey } of keys.log) element("li", `log: ${vkey}`, document.getElementById("keys"));
  for (const { keyid } of keys.decision) element("li", `decisions: ${keyid}`, document.getElementById("keys"));
  logKeys = await readLogKeys(keys);
  const decisionKeys = await Promise.all(keys.decision.map(({ pem }) => statementKey(pem)));
  const head = await openCheckpoint(asText(file("log/checkpoint")), logKeys);
  if (!head) return wrong("log/checkpoint", "is not signed by the key of the log");
  const manifest = json("manifest.json");
  for (let index = manifest.first; index < manifest.end; index++) await leafAt(index, head);
  for (const path of Object.keys(files).filter((p) => p.startsWith("requests/")).sort()) {
    const request = await checkRequest(path, head);
    const decided = Object.hasOwn(files, `decisions/${request.id}.dsse.json`);
    if (!decided && request.entries.at(-1).state !== "pending") wrong(path, "has no signed decision");
    show(request, decided ? await checkDecision(request, decisionKeys) : null);
  }
}
async function start() {
  const verdict = document.getElementById("verdict");
  try { await needEd25519(); await main(); }
  catch (error) { wrong("this page", error.message); }
  for (const problem of problems) element("li", shown(problem), document.getElementById("problems"));
  verdict.textContent = problems.length === 0 ? "All of it holds together." : `${problems.length} findings: do not rely on this.`;
  verdict.className = problems.length === 0 ? "good" : "bad";
}
start();
