// An endpoint that verifies what it is sent with the official Standard Webhooks library: webhooks.mjs URL TOKEN
import assert from 'node:assert/strict';
import http from 'node:http';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';

const [url, token] = process.argv.slice(2);
const received = [];
let status = 204;
const endpoint = http.createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    received.push({ headers: request.headers, body: Buffer.concat(pieces).toString('utf8') });
    response.writeHead(status).end();
  });
});
await new Promise((listening) => endpoint.listen(0, '127.0.0.1', listening));
const hook = `http://127.0.0.1:${endpoint.address().port}/hook`;

async function call(method, path, body) {
  const answer = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    body: body && JSON.stringify(body),
  });
  return { status: answer.status, body: answer.status === 204 ? null : await answer.json() };
}
async function eventually(what, condition) {
  for (let i = 0; i < 400; ++i) {
    const found = condition();
    if (found) return found;
    await new Promise((later) => setTimeout(later, 25));
  }
  assert.fail(`not in time: ${what}; received ${JSON.stringify(received.map((one) => one.body.slice(0, 120)))}`);
}
let steps = 0;
async function step(name, work) {
  try {
    await work();
  } catch (error) {
    console.error(`step failed: ${name}`);
    throw error;
  }
  ++steps;
}
const of = (type, id) => received.find((one) => {
  const event = JSON.parse(one.body);
  return event.type === `countersign.request.${type}` && (!id || event.data.id === id);
});

let subscription;
await step('a subscription shows its secret once', async () => {
  const made = await call('POST', '/v1/subscriptions', { url: hook, filter: { action: 'deploy.*' } });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  subscription = made.body;
  assert.match(subscription.secret, /^whsec_/);
  const shown = await call('GET', `/v1/subscriptions/${subscription.id}`);
  assert.equal(shown.body.secret, undefined);
});
await step('every delivery verifies, and is a CloudEvent', async () => {
  const request = (await call('POST', '/v1/requests', { action: 'deploy.api', intent: 'Ünïcode "quotes" \\ and\nlines' })).body;
  await call('POST', `/v1/requests/${request.id}/cancel`);
  for (const type of ['created', 'cancelled']) {
    const one = await eventually(type, () => of(type, request.id));
    const event = new Webhook(subscription.secret).verify(one.body, one.headers);
    assert.equal(event.specversion, '1.0');
    assert.equal(event.id, one.headers['webhook-id']);
    assert.equal(event.data.id, request.id);
    assert.match(one.headers['content-type'], /^application\/cloudevents\+json/);
  }
});
await step('a changed body, and another secret, do not verify', async () => {
  const one = of('created');
  const other = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  assert.throws(() => new Webhook(subscription.secret).verify(one.body.replace('created', 'approved'), one.headers), WebhookVerificationError);
  assert.throws(() => new Webhook(other).verify(one.body, one.headers), WebhookVerificationError);
});
await step('while a secret is rotated both verify', async () => {
  const rotated = await call('POST', `/v1/subscriptions/${subscription.id}/rotate`, { old_secret_for: '1h' });
  assert.equal(rotated.status, 200, JSON.stringify(rotated.body));
  assert.notEqual(rotated.body.secret, subscription.secret);
  const request = (await call('POST', '/v1/requests', { action: 'deploy.web' })).body;
  const one = await eventually('the event', () => of('created', request.id));
  new Webhook(subscription.secret).verify(one.body, one.headers);
  new Webhook(rotated.body.secret).verify(one.body, one.headers);
  await call('POST', `/v1/subscriptions/${subscription.id}/rotate`, { old_secret_for: '0s' });
  const later = (await call('POST', '/v1/requests', { action: 'deploy.web' })).body;
  const last = await eventually('the last event', () => of('created', later.id));
  assert.throws(() => new Webhook(rotated.body.secret).verify(last.body, last.headers), WebhookVerificationError);
});
await step('a callback verifies with the secret of its request', async () => {
  const filed = await call('POST', '/v1/requests', { action: 'other.thing', callback: { url: `${hook}?run=7` } });
  assert.equal(filed.status, 201, JSON.stringify(filed.body));
  await call('POST', `/v1/requests/${filed.body.id}/cancel`);
  const done = await eventually('the callback', () => received.find((one) => JSON.parse(one.body).data.id === filed.body.id));
  const event = new Webhook(filed.body.callback.secret).verify(done.body, done.headers);
  assert.match(event.type, /^countersign\.request\.(refused|cancelled|approved)$/);
});
await step('a test event verifies', async () => {
  const fresh = (await call('POST', '/v1/subscriptions', { url: hook, events: ['request.denied'] })).body;
  const sent = await call('POST', `/v1/subscriptions/${fresh.id}/test`);
  assert.equal(sent.status, 202, JSON.stringify(sent.body));
  const one = await eventually('the test', () => received.find((each) => each.headers['webhook-id'] === sent.body.id));
  assert.equal(new Webhook(fresh.secret).verify(one.body, one.headers).type, 'countersign.subscription.test');
});
console.log(`1 client, ${steps} steps passed`);
endpoint.close();
process.exit(0);
