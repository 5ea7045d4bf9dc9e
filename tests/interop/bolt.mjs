// A small approval bot on the official Bolt framework, and a person who uses it: bolt.mjs URL
// The bot does not know that its workspace is a local one; only slackApiUrl differs.
import assert from 'node:assert/strict';
import bolt from '@slack/bolt';

const url = process.argv[2];
const { App, LogLevel } = bolt;
const seen = { errors: [], closed: 0, events: [] };
const app = new App({
  token: 'xoxb-sim-dev',
  appToken: 'xapp-1-A0SIM-dev',
  socketMode: true,
  logLevel: LogLevel.ERROR,
  clientOptions: { slackApiUrl: `${url}/api/` },
});
app.error(async (error) => { seen.errors.push(error); });

const card = (text, buttons) => [
  { type: 'header', text: { type: 'plain_text', text: 'Approval needed' } },
  { type: 'section', text: { type: 'mrkdwn', text } },
  ...(buttons ? [{ type: 'actions', elements: [
    { type: 'button', action_id: 'approve', style: 'primary', value: 'r1', text: { type: 'plain_text', text: 'Approve' } },
    { type: 'button', action_id: 'deny', style: 'danger', value: 'r1', text: { type: 'plain_text', text: 'Deny' } },
    { type: 'button', action_id: 'silent', value: 'r1', text: { type: 'plain_text', text: 'Never acked' } }] }] : []),
];
const reasonView = {
  type: 'modal', callback_id: 'deny', notify_on_close: true,
  title: { type: 'plain_text', text: 'Deny' }, submit: { type: 'plain_text', text: 'Deny' },
  blocks: [{ type: 'input', block_id: 'reason', label: { type: 'plain_text', text: 'Reason' },
    element: { type: 'plain_text_input', action_id: 'text', multiline: true, min_length: 3 } }],
};

app.action('approve', async ({ ack, body, client, respond }) => {
  await ack();
  await client.chat.update({ channel: body.channel.id, ts: body.message.ts, text: 'Approved', blocks: card(`*Approved* by <@${body.user.id}>`) });
  await respond({ text: 'Recorded', replace_original: false, response_type: 'ephemeral' });
});
app.action('deny', async ({ ack, body, client }) => {
  await ack();
  await client.views.open({ trigger_id: body.trigger_id, view: { ...reasonView, private_metadata: body.message.ts } });
});
app.action('silent', async () => { /* the clicker must be warned */ });
app.view('deny', async ({ ack, view, client }) => {
  const reason = view.state.values.reason.text.value;
  if (reason.includes('bad')) return ack({ response_action: 'errors', errors: { reason: 'Say why' } });
  await ack({ response_action: 'update', view: { type: 'modal', title: { type: 'plain_text', text: 'Denied' }, close: { type: 'plain_text', text: 'Close' }, blocks: [{ type: 'section', text: { type: 'plain_text', text: `Denied: ${reason}` } }] } });
  await client.chat.postMessage({ channel: '#approvals', thread_ts: view.private_metadata, text: `Denied: ${reason}` });
});
app.view({ callback_id: 'deny', type: 'view_closed' }, async ({ ack }) => { seen.closed++; await ack(); });
app.command('/approvals', async ({ ack, command }) => { await ack({ text: `You said ${command.text}` }); });
app.event('app_mention', async ({ event }) => { seen.events.push(event); });
app.event('subteam_members_changed', async ({ event }) => { seen.events.push(event); });

const control = async (name, body) => {
  const answer = await fetch(`${url}/control/${name}`, body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return answer.json();
};
const eventually = async (what, check) => {
  for (let i = 0; i < 100; ++i) {
    const value = await check();
    if (value) return value;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`never came true: ${what}`);
};
let steps = 0;
const step = async (name, body) => { await body(); ++steps; console.log(`ok - ${name}`); };

await app.start();
const find = async (ts) => (await control(`messages?channel=C0APPROVALS`)).messages.find((m) => m.ts === ts);
const post = async () => (await app.client.chat.postMessage({ channel: '#approvals', text: 'Approval needed', blocks: card('*db.export*', true), metadata: { event_type: 'countersign_request', event_payload: { request_id: 'r1' } } }));

await step('the socket is live and auth.test knows the team', async () => {
  await eventually('a live socket', async () => (await control('state')).sockets.live === 1);
  assert.equal((await app.client.auth.test()).team_id, 'T0SIM');
});
await step('a click is acknowledged, the card updated, the clicker told', async () => {
  const { channel, ts } = await post();
  assert.equal(channel, 'C0APPROVALS');
  const click = await control('click', { user: 'U0AMY', channel, ts, action_id: 'approve' });
  assert.equal(click.acked, true, JSON.stringify(click));
  assert.ok(click.ms < 1000);
  await eventually('the update', async () => (await find(ts)).text === 'Approved');
  assert.equal((await find(ts)).blocks.length, 2);
  assert.equal((await find(ts)).metadata.event_payload.request_id, 'r1');
  await eventually('the private word', async () => (await control('ephemerals?user=U0AMY')).ephemerals.some((e) => e.message.text === 'Recorded'));
});
await step('a modal opens, refuses, updates, and a thread answers', async () => {
  const { channel, ts } = await post();
  assert.equal((await control('click', { user: 'U0BEN', channel, ts, action_id: 'deny' })).acked, true);
  await eventually('the modal', async () => (await control('views?user=U0BEN')).views.length === 1);
  assert.equal((await control('submit_view', { user: 'U0BEN', values: { reason: 'x' } })).error, 'invalid_input');
  assert.deepEqual((await control('submit_view', { user: 'U0BEN', values: { reason: 'bad one' } })).errors, { reason: 'Say why' });
  const done = await control('submit_view', { user: 'U0BEN', values: { reason: 'change window is closed' } });
  assert.equal(done.view.title.text, 'Denied', JSON.stringify(done));
  await eventually('the thread', async () => (await control(`messages?channel=${channel}&thread_ts=${ts}`)).messages.length === 2);
});
await step('closing a modal is told', async () => {
  const { channel, ts } = await post();
  await control('click', { user: 'U0CAT', channel, ts, action_id: 'deny' });
  await eventually('the modal', async () => (await control('views?user=U0CAT')).views.length === 1);
  assert.equal((await control('close_view', { user: 'U0CAT' })).acked, true);
  assert.equal(seen.closed, 1);
});
await step('a slash command is answered privately', async () => {
  const answer = await control('command', { user: 'U0DAN', channel: 'C0APPROVALS', text: 'list <b>' });
  assert.equal(answer.answer.text, 'You said list &lt;b&gt;', JSON.stringify(answer));
});
await step('events arrive once', async () => {
  await control('say', { user: 'U0AMY', channel: 'C0APPROVALS', text: '<@U0BOT> status' });
  await control('groups', { id: 'S0SEC', users: ['U0AMY', 'U0BEN', 'U0CAT'] });
  await eventually('both events', async () => seen.events.length === 2);
  // In either order: each goes to any one socket.
  const changed = seen.events.filter((event) => event.type === 'subteam_members_changed');
  assert.deepEqual(changed.map((event) => event.added_users), [['U0CAT']]);
});
await step('a click nobody acknowledges warns after three seconds', async () => {
  const { channel, ts } = await post();
  const click = await control('click', { user: 'U0AMY', channel, ts, action_id: 'silent' });
  assert.equal(click.acked, false);
  assert.equal(click.error, 'operation_timeout');
  assert.ok(click.ms >= 2900 && click.ms < 4000, `${click.ms}`);
});
await step('refusals come as Slack words them', async () => {
  const refused = async (call) => call.then(() => 'no refusal', (error) => error.data?.error);
  assert.equal(await refused(app.client.chat.postMessage({ channel: '#general', text: 'x' })), 'not_in_channel');
  assert.equal(await refused(app.client.chat.postMessage({ channel: 'C0APPROVALS', text: 'x', blocks: [{ type: 'header', text: { type: 'plain_text', text: 'x'.repeat(151) } }] })), 'invalid_blocks');
  assert.equal(await refused(app.client.views.open({ trigger_id: '1.2.3', view: reasonView })), 'invalid_trigger_id');
  assert.equal(await refused(app.client.users.info({ user: 'U0NOBODY' })), 'user_not_found');
});
await step('a refresh replaces the socket and clicks go on', async () => {
  const { channel, ts } = await post();
  await control('disconnect', { reason: 'refresh_requested', grace_ms: 100 });
  await eventually('a new socket', async () => { const s = (await control('state')).sockets; return s.live === 1 && s.opened >= 2; });
  assert.equal((await control('click', { user: 'U0AMY', channel, ts, action_id: 'approve' })).acked, true);
});
assert.deepEqual(seen.errors.filter((e) => !/Never/.test(e.message)), []);
const figures = (await control('state')).sockets;
assert.equal(figures.continuation_frames, 0);
console.log(`1 client, ${steps} steps passed`);
await app.stop();
process.exit(0);
