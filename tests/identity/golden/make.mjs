// Writes tokens.json: keys and tokens made with npm `jose` (and, where it refuses to, by hand), for a clock that
// stands at 2026-01-02T00:00:00Z. Run from a folder with jose 6 in its node_modules: node make.mjs >tokens.json
import { constants, createHmac, createPrivateKey, createSign, generateKeyPairSync, sign } from 'node:crypto';
import * as jose from 'jose';

const now = Date.parse('2026-01-02T00:00:00Z') / 1000;
const claims = {
  iss: 'https://issuer.example.com', aud: 'https://approvals.example.com', sub: 'repo:octo-org/octo-repo:ref:refs/heads/main',
  jti: 'one', iat: now, nbf: now - 600, exp: now + 300,
};
const b64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

async function pair(alg, options = {}) {
  return jose.generateKeyPair(alg, { extractable: true, ...options });
}
const rsa = await pair('RS256');
const ec = await pair('ES256');
const ed = await pair('EdDSA');
const strangers = { RS256: await pair('RS256'), ES256: await pair('ES256'), EdDSA: await pair('EdDSA') };
const p384 = await pair('ES384');
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });

const jwk = async (key, extra) => ({ ...(await jose.exportJWK(key)), ...extra });
const keys = [
  await jwk(rsa.publicKey, { kid: 'rsa', alg: 'RS256', use: 'sig' }),
  await jwk(ec.publicKey, { kid: 'ec', alg: 'ES256', use: 'sig' }),
  await jwk(ed.publicKey, { kid: 'ed', alg: 'EdDSA', use: 'sig' }),
  await jwk(p384.publicKey, { kid: 'p384', alg: 'ES384', use: 'sig' }),
  { ...weak.publicKey.export({ format: 'jwk' }), kid: 'weak' },
  { ...weak.publicKey.export({ format: 'jwk' }), kid: 'encrypts', use: 'enc' },
  await jwk((await pair('RS256')).publicKey, { kid: 'for-encryption', use: 'enc' }),
  { kty: 'EC', crv: 'P-256', kid: 'off-curve', x: b64(Buffer.alloc(32, 1).toString('latin1')), y: b64(Buffer.alloc(32, 2).toString('latin1')) },
  { kty: 'oct', kid: 'shared', k: b64('secret') },
];

const made = (key, alg, kid, header = {}, payload = claims) =>
  new jose.SignJWT(payload).setProtectedHeader({ alg, kid, typ: 'JWT', ...header }).sign(key);
const raw = (header, payload, signature) => `${b64(header)}.${b64(payload)}.${signature(`${b64(header)}.${b64(payload)}`)}`;
const rsaKey = createPrivateKey(await jose.exportPKCS8(rsa.privateKey));
const ecKey = createPrivateKey(await jose.exportPKCS8(ec.privateKey));
const edKey = createPrivateKey(await jose.exportPKCS8(ed.privateKey));
const by = (privateKey) => (input) => createSign('sha256').update(input).sign(privateKey, 'base64url');
const edBy = (input) => sign(null, Buffer.from(input), edKey).toString('base64url');

const good = {
  RS256: await made(rsa.privateKey, 'RS256', 'rsa'),
  ES256: await made(ec.privateKey, 'ES256', 'ec'),
  EdDSA: await made(ed.privateKey, 'EdDSA', 'ed'),
};
const rsaPem = await jose.exportSPKI(rsa.publicKey);
const es = good.ES256.split('.');
const half = Buffer.from(es[2], 'base64url');
const changed = (token) => {
  const [h, , s] = token.split('.');
  return `${h}.${b64({ ...claims, sub: 'somebody else' })}.${s}`;
};
const signedBy = (alg, key, kid) => made(key, alg, kid);
const twice = (json, member, value) => json.replace('{', `{"${member}":${JSON.stringify(value)},`);
const rawText = (header, payload) => `${b64(header)}.${b64(payload)}.${edBy(`${b64(header)}.${b64(payload)}`)}`;
const header = JSON.stringify({ alg: 'EdDSA', kid: 'ed' });

const bad = {
  none: raw({ alg: 'none' }, claims, () => ''),
  none_upper: raw({ alg: 'NONE' }, claims, () => 'AA'),
  none_mixed: raw({ alg: 'nOnE', kid: 'rsa' }, claims, () => 'AA'),
  hs256_with_the_public_key: raw({ alg: 'HS256', kid: 'rsa' }, claims, (i) => createHmac('sha256', rsaPem).update(i).digest('base64url')),
  hs256_with_the_modulus: raw({ alg: 'HS256', kid: 'rsa' }, claims, (i) => createHmac('sha256', Buffer.from(keys[0].n, 'base64url')).update(i).digest('base64url')),
  ps256: raw({ alg: 'PS256', kid: 'rsa' }, claims, (i) => sign('sha256', Buffer.from(i), { key: rsaKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }).toString('base64url')),
  es384: await made(p384.privateKey, 'ES384', 'p384'),
  lower_case_algorithm: raw({ alg: 'rs256', kid: 'rsa' }, claims, by(rsaKey)),
  rs256_with_the_ec_key: raw({ alg: 'RS256', kid: 'ec' }, claims, by(rsaKey)),
  es256_with_the_rsa_key: raw({ alg: 'ES256', kid: 'rsa' }, claims, (i) => sign('sha256', Buffer.from(i), { key: ecKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')),
  es256_in_der: `${es[0]}.${es[1]}.${sign('sha256', Buffer.from(`${es[0]}.${es[1]}`), ecKey).toString('base64url')}`,
  es256_r_zero: `${es[0]}.${es[1]}.${Buffer.concat([Buffer.alloc(32), half.subarray(32)]).toString('base64url')}`,
  es256_s_zero: `${es[0]}.${es[1]}.${Buffer.concat([half.subarray(0, 32), Buffer.alloc(32)]).toString('base64url')}`,
  es256_all_zero: `${es[0]}.${es[1]}.${Buffer.alloc(64).toString('base64url')}`,
  es256_short: `${es[0]}.${es[1]}.${half.subarray(0, 63).toString('base64url')}`,
  strangers_rs256: await signedBy('RS256', strangers.RS256.privateKey, 'rsa'),
  strangers_es256: await signedBy('ES256', strangers.ES256.privateKey, 'ec'),
  strangers_eddsa: await signedBy('EdDSA', strangers.EdDSA.privateKey, 'ed'),
  changed_rs256: changed(good.RS256),
  changed_es256: changed(good.ES256),
  changed_eddsa: changed(good.EdDSA),
  weak_rsa: raw({ alg: 'RS256', kid: 'weak' }, claims, by(weak.privateKey)),
  key_in_the_header: raw({ alg: 'EdDSA', kid: 'ed', jwk: keys[2] }, claims, edBy),
  key_address_in_the_header: raw({ alg: 'EdDSA', kid: 'ed', jku: 'https://evil.example.com/jwks' }, claims, edBy),
  certificate_in_the_header: raw({ alg: 'EdDSA', kid: 'ed', x5c: ['AA=='] }, claims, edBy),
  critical_extension: raw({ alg: 'EdDSA', kid: 'ed', crit: ['b64'], b64: false }, claims, edBy),
  type_of_our_grants: raw({ alg: 'EdDSA', kid: 'ed', typ: 'grant+jwt' }, claims, edBy),
  algorithm_as_number: raw({ alg: 1, kid: 'ed' }, claims, edBy),
  kid_as_number: raw({ alg: 'EdDSA', kid: 5 }, claims, edBy),
  kid_too_long: raw({ alg: 'EdDSA', kid: 'k'.repeat(257) }, claims, edBy),
  kid_with_a_path: raw({ alg: 'EdDSA', kid: '../../../dev/null' }, claims, edBy),
  kid_with_sql: raw({ alg: 'EdDSA', kid: "ed' UNION SELECT 'key" }, claims, edBy),
  kid_with_nul: raw({ alg: 'EdDSA', kid: 'ed\u0000' }, claims, edBy),
  unknown_kid: raw({ alg: 'EdDSA', kid: 'other' }, claims, edBy),
  algorithm_twice: rawText(twice(header, 'alg', 'none'), JSON.stringify(claims)),
  audience_twice: rawText(header, twice(JSON.stringify(claims), 'aud', 'https://other.example.com')),
  expiry_twice: rawText(header, twice(JSON.stringify(claims), 'exp', now + 1e6)),
  payload_is_a_list: rawText(header, '[1]'),
  payload_is_no_json: rawText(header, '{"iss":'),
  header_is_a_text: rawText('"EdDSA"', JSON.stringify(claims)),
  expiry_overflows: rawText(header, JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e400')),
  trailing_junk: `${good.EdDSA}!!!!`,
  trailing_newline: `${good.EdDSA}\n`,
  padded: `${good.RS256}==`,
  four_parts: `${good.EdDSA}.AA`,
  two_parts: good.EdDSA.split('.').slice(0, 2).join('.'),
  no_signature: `${good.EdDSA.split('.').slice(0, 2).join('.')}.`,
  standard_alphabet: good.RS256.replace(/-/g, '+').replace(/_/g, '/'),
  bytes_above_ascii: `${good.EdDSA.slice(0, -2)}\u00e9`,
  loose_bits: good.EdDSA.slice(0, -1) + (good.EdDSA.endsWith('A') ? 'B' : String.fromCharCode(good.EdDSA.charCodeAt(good.EdDSA.length - 1) + 1)),
  too_long: await made(ed.privateKey, 'EdDSA', 'ed', {}, { ...claims, filler: 'f'.repeat(16 * 1024) }),
};
console.log(JSON.stringify({ jwks: { keys }, good, bad }, null, 1));
