// Statements and grants as others check them: evidence.mjs FOLDER API_URL GRANT DIGEST
// @sigstore/verify opens the signed statement, jose the grant.
import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { bundleFromJSON } from "@sigstore/bundle";
import { toSignedEntity, Verifier } from "@sigstore/verify";
import { createRemoteJWKSet, jwtVerify } from "jose";

const [folder, url, grant, digest] = process.argv.slice(2);
const keys = JSON.parse(readFileSync(`${folder}/keys.json`));
const key = createPublicKey(keys.decision[0].pem);
// r and s side by side, of an ECDSA signature in DER.
const rawOf = (der) => {
  const numbers = [];
  for (let at = 2; at < der.length; at += 2 + der[at + 1])
    numbers.push(Buffer.concat([Buffer.alloc(32), der.subarray(at + 2, at + 2 + der[at + 1])]).subarray(-32));
  return Buffer.concat(numbers);
};
const trust = {
  certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [],
  publicKey: () => ({ publicKey: key, validFor: () => true }),
};
const verifier = new Verifier(trust, { tlogThreshold: 0, timestampThreshold: 0, ctlogThreshold: 0 });
const bundle = (envelope) => toSignedEntity(bundleFromJSON({
  mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
  verificationMaterial: { publicKey: { hint: "decision" }, tlogEntries: [] },
  dsseEnvelope: envelope,
}));

const names = readdirSync(`${folder}/decisions`).filter((name) => name.endsWith(".dsse.json"));
assert.ok(names.length > 0, "there is a decision");
for (const name of names) {
  const envelope = JSON.parse(readFileSync(`${folder}/decisions/${name}`));
  verifier.verify(bundle(envelope));
  const statement = JSON.parse(Buffer.from(envelope.payload, "base64"));
  assert.equal(statement._type, "https://in-toto.io/Statement/v1");
  const forged = Buffer.from(envelope.payload, "base64").toString().replace('"decision":"', '"decisiom":"');
  assert.throws(() => verifier.verify(bundle({ ...envelope, payload: Buffer.from(forged).toString("base64") })), name);
  if (key.asymmetricKeyType !== "ec") continue;
  const sig = rawOf(Buffer.from(envelope.signatures[0].sig, "base64")).toString("base64");
  assert.throws(() => verifier.verify(bundle({ ...envelope, signatures: [{ ...envelope.signatures[0], sig }] })), "r and s side by side");
}

const set = createRemoteJWKSet(new URL("/.well-known/jwks.json", url));
const { payload } = await jwtVerify(grant, set, { typ: "grant+jwt", issuer: url, audience: url });
assert.equal(payload.act_hash, digest);
await assert.rejects(jwtVerify(grant, set, { audience: "https://another.example.com" }), /aud/);
await assert.rejects(jwtVerify(grant, set, { currentDate: new Date(Date.now() + 3 * 3600 * 1000) }), /exp/);
const [head, body, signature] = grant.split(".");
const other = Buffer.from(JSON.stringify({ ...payload, act_hash: `sha256:${"0".repeat(64)}` })).toString("base64url");
await assert.rejects(jwtVerify(`${head}.${other}.${signature}`, set), /signature/);
await assert.rejects(jwtVerify(`${head}.${body}.${Buffer.alloc(64).toString("base64url")}`, set), /signature/);
console.log("statements and grant are good");
