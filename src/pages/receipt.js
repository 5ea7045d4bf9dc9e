// Checks the proof that stands on a receipt, with what verify.js has.
async function checkReceipt(page, say) {
  const text = (id) => document.getElementById(id)?.textContent ?? null;
  const { request: id, digest, erased } = page.dataset;
  const index = Number(text("index"));
  const keys = JSON.parse(text("keys"));
  const leaf = utf8(text("leaf"));
  const said = JSON.parse(text("leaf"));
  await needEd25519();
  if (said.request_id !== id || said.digest !== digest) throw new Error("the log's event tells of another request");
  if (!(await provesLeaf(text("proof"), leaf, index, await readLogKeys(keys)))) throw new Error("the log does not prove this event");
  if (text("decision") === null) return say(`Checked in this browser: the published log holds, as event ${index}, that the request of this digest became “${said.state}”.`);
  const statement = await openEnvelope(JSON.parse(text("decision")), await Promise.all(keys.decision.map(({ pem }) => statementKey(pem))));
  if (statement === null) throw new Error("the statement is not signed by the key of decisions");
  if (!agrees(statement, { id, digest }) || !same(fromBase64(statement.predicate.log.leaf), leaf)) throw new Error("the statement says something else than the log");
  say(`Checked in this browser: the statement of this decision is signed, and the published log holds it as event ${index}.`);
  const section = document.getElementById("signed");
  element("h2", "What is signed", section);
  if (erased !== undefined) return void element("p", "It holds hashes in place of the words that were erased.", section);
  showStatement(statement.predicate, digest, section);
}
async function startReceipt() {
  const page = document.getElementById("receipt");
  const verdict = document.getElementById("verdict");
  if (verdict === null || document.getElementById("proof") === null) return;
  const say = (words, good = true) => { verdict.textContent = words; verdict.className = good ? "good" : "bad"; };
  say("Checking the proof …");
  verdict.className = "";
  try { await checkReceipt(page, say); } catch (error) { say(`Do not rely on this page: ${shown(error.message)}.`, false); }
}
startReceipt();
