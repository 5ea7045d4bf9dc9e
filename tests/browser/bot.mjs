// The smallest bot that gives the page something to show: raw Socket Mode over `ws`, raw Web API over fetch.
import WebSocket from 'ws';

export async function startBot(url) {
  const call = async (method, args, token = 'xoxb-sim-dev') => {
    const answer = await fetch(`${url}/api/${method}`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(args) });
    const body = await answer.json();
    if (!body.ok) throw new Error(`${method}: ${JSON.stringify(body)}`);
    return body;
  };
  const plain = (text) => ({ type: 'plain_text', text, emoji: false });
  const mrk = (text) => ({ type: 'mrkdwn', text, verbatim: true });
  const facts = [
    { type: 'section', block_id: 'facts', fields: [
      mrk('*Asked by*\nagent `nightly-export` for <@U0RILEY>'), mrk('*Environment*\nproduction'),
      mrk('*Resource*\n`postgres://orders/users`'), mrk(`*Expires*\n<!date^${Math.floor(Date.now() / 1000) + 1800}^{date_short_pretty} {time}|soon>`)] },
    { type: 'rich_text', block_id: 'intent', elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text: 'Job ', style: { bold: true } }, { type: 'text', text: 'nightly', style: { code: true } }, { type: 'text', text: '\nIn the requester’s words', style: { bold: true } }] },
      { type: 'rich_text_quote', elements: [{ type: 'text', text: 'Monthly churn analysis. <script>alert(1)</script> *not bold* <!channel> https://evil.example' }] }] },
    { type: 'rich_text', block_id: 'parameters', elements: [{ type: 'rich_text_preformatted', elements: [{ type: 'text', text: 'rows         120000\ndestination  "s3://exports/churn/2026-11"\nformat       "parquet"' }] }] },
  ];
  const card = () => [
    { type: 'header', block_id: 'head', text: plain('Approval needed: db.export') }, ...facts,
    { type: 'section', block_id: 'missing', text: mrk('Still needed: *2* of <!subteam^S0SEC>, *1* of `dba`') },
    { type: 'context', block_id: 'small', elements: [mrk('request `#1042`'), mrk('rule `prod exports`'), mrk('digest `9f2c41d0a7be`')] },
    { type: 'actions', block_id: 'act', elements: [
      { type: 'button', action_id: 'approve', style: 'primary', value: 'r1', text: plain('Approve') },
      { type: 'button', action_id: 'deny', style: 'danger', value: 'r1', text: plain('Deny') },
      { type: 'button', action_id: 'hold', value: 'r1', text: plain('Hold') },
      { type: 'button', action_id: 'ignored', value: 'r1', text: plain('Details') }] }];
  const decided = (line) => [{ type: 'header', block_id: 'head2', text: plain('db.export') }, { type: 'section', block_id: 'outcome', text: mrk(line) }, ...facts];
  const denyView = (metadata) => ({ type: 'modal', callback_id: 'deny', private_metadata: JSON.stringify(metadata), title: plain('Deny this request'), submit: plain('Deny'), close: plain('Cancel'),
    blocks: [
      { type: 'section', text: mrk('*db.export* in production, asked by agent `nightly-export`') },
      { type: 'input', block_id: 'reason', label: plain('Reason'), hint: plain('The requester sees it'), element: { type: 'plain_text_input', action_id: 'text', multiline: true, min_length: 3, max_length: 500 } }] });

  const { url: link } = await call('apps.connections.open', {}, 'xapp-1-A0SIM-dev');
  const socket = new WebSocket(link);
  const respond = (to, body) => fetch(to, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const handle = async (payload, ack) => {
    if (payload.type === 'view_submission') {
      const { channel, ts } = JSON.parse(payload.view.private_metadata);
      const reason = payload.view.state.values.reason.text.value;
      if (reason.includes('xxx')) return ack({ response_action: 'errors', errors: { reason: 'Please say why, in words' } });
      ack();
      await call('chat.update', { channel, ts, text: 'Denied', blocks: decided(`*Denied* by <@${payload.user.id}>`) });
      await call('chat.postMessage', { channel, thread_ts: ts, text: 'Denied', blocks: [{ type: 'section', text: mrk(`<@${payload.user.id}> denied: ${reason}`) }] });
      return undefined;
    }
    const [action] = payload.actions;
    if (action.action_id === 'ignored') return undefined;
    if (action.action_id === 'deny') await call('views.open', { trigger_id: payload.trigger_id, view: denyView({ channel: payload.container.channel_id, ts: payload.container.message_ts }) });
    ack();
    if (action.action_id === 'hold') await respond(payload.response_url, { replace_original: false, text: 'You cannot hold this request: you are not in *security*.' });
    if (action.action_id === 'approve') {
      await call('chat.update', { channel: payload.container.channel_id, ts: payload.container.message_ts, text: 'Approved', blocks: decided(`*Approved* by <@${payload.user.id}>`) });
      await respond(payload.response_url, { replace_original: false, text: 'Your approval is recorded.' });
    }
    return undefined;
  };
  socket.on('message', (data) => {
    const envelope = JSON.parse(data);
    if (!envelope.envelope_id) return;
    const ack = (payload) => socket.send(JSON.stringify({ envelope_id: envelope.envelope_id, ...(payload && { payload }) }));
    if (envelope.type === 'slash_commands') ack({ text: '*2 requests wait for you*\n• `#1042` db.export, production\n• `#1043` deploy, staging' });
    else if (envelope.type === 'interactive') handle(envelope.payload, ack).catch((error) => console.error(error));
    else ack();
  });
  await new Promise((resolve, reject) => { socket.once('message', resolve); socket.once('error', reject); });
  return {
    call,
    postCard: () => call('chat.postMessage', { channel: 'C0APPROVALS', text: 'Approval needed: db.export', blocks: card() }),
    stop: () => socket.close(),
  };
}
