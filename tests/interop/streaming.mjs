// The Bot Framework's streaming extensions as its own packages speak them. streaming.mjs WORKSPACE_URL API_URL
import assert from 'node:assert/strict';
import http from 'node:http';
import botbuilder from 'botbuilder';
import connector from 'botframework-connector';
import streaming from 'botframework-streaming';
import WebSocket from 'ws';

const { CloudAdapter, ConfigurationBotFrameworkAuthentication, TeamsActivityHandler } = botbuilder;
const { PasswordServiceClientCredentialFactory } = connector;
const { NodeWebSocket, RequestHandler, StreamingRequest, StreamingResponse, WebSocketServer } = streaming;
const [workspace, api] = process.argv.slice(2);
const app = '00000000-0000-4000-8000-000000000b07';
const tenant = '00000000-0000-4000-8000-00000000051a';
const serviceUrl = 'urn:botframework:websocket:interop';

async function control(name, body = {}) {
  const answer = await fetch(`${workspace}/control/teams/${name}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  return answer.json();
}
let passed = 0;
const step = async (title, body) => {
  try { await body(); } catch (error) { throw new Error(`${title}: ${error.stack}`, { cause: error }); }
  ++passed;
  console.log(`ok - streaming: ${title}`);
};
const soon = async (look) => {
  for (const end = Date.now() + 20_000; Date.now() < end; await new Promise((done) => setTimeout(done, 20))) {
    const seen = look();
    if (seen) return seen;
  }
  throw new Error('it did not come');
};

// ---- the framework's peer opens a socket to the server

const asked = [];
class Channel extends RequestHandler {
  async processRequest(request) {
    const body = request.streams.length ? await request.streams[0].readAsString() : '';
    asked.push({ verb: request.verb, path: request.path, body: body ? JSON.parse(body) : null });
    if (request.path.includes('/pagedmembers')) {
      const page = StreamingResponse.create(200);
      page.setBody({ members: [] });
      return page;
    }
    if (request.verb === 'GET') {
      const member = StreamingResponse.create(200);
      member.setBody({ id: '29:1amy', name: 'Amy', aadObjectId: '00000000-0000-4000-8000-0000000000a1', tenantId: tenant, userRole: 'user', userPrincipalName: 'amy@harbor.example' });
      return member;
    }
    const response = StreamingResponse.create(200);
    response.setBody({ id: `m${asked.length}` });
    return response;
  }
}
async function open(claims, headers = {}) {
  const { token } = await control('token', { claims: { serviceurl: serviceUrl, ...claims } });
  const raw = new WebSocket(`${api.replace('http', 'ws')}/api/messages`, { headers: { authorization: `Bearer ${token}`, channelid: 'msteams', ...headers } });
  await new Promise((opened, failed) => { raw.once('open', opened); raw.once('error', failed); });
  const peer = new WebSocketServer(new NodeWebSocket(raw), new Channel());
  peer.start();
  return { raw, peer };
}
const send = async (peer, verb, path, body) => {
  const request = StreamingRequest.create(verb, path);
  if (body) request.setBody(JSON.stringify(body));
  const response = await peer.send(request);
  return { status: response.statusCode, body: response.streams.length ? await response.streams[0].readAsString() : '' };
};
let number = 0;
const activity = (type, more = {}) => ({
  type, id: `i${++number}`, channelId: 'msteams', serviceUrl, timestamp: new Date().toISOString(),
  from: { id: '29:1amy', name: 'Amy', aadObjectId: '00000000-0000-4000-8000-0000000000a1' }, recipient: { id: `28:${app}` },
  conversation: { id: 'a:interop', conversationType: 'personal', tenantId: tenant }, channelData: { tenant: { id: tenant } }, ...more,
});

const { raw, peer } = await open();
await step('a request is answered, and what the bot says comes over the same socket', async () => {
  assert.match((await send(peer, 'GET', '/api/version')).body, /countersign/);
  const said = await send(peer, 'POST', '/api/messages', activity('message', { text: 'help' }));
  assert.equal(said.status, 200);
  const told = await soon(() => asked.find((one) => one.verb === 'POST' && one.path.includes('/v3/conversations/a%3Ainterop/activities')));
  assert.equal(told.body.type, 'message');
  assert.equal(told.body.attachments[0].contentType, 'application/vnd.microsoft.card.adaptive');
});
await step('long answers and many at once come whole', async () => {
  const query = () => activity('invoke', { name: 'composeExtension/query', value: { commandId: 'findPending', parameters: [] } });
  const all = await Promise.all(Array.from({ length: 30 }, () => send(peer, 'POST', '/api/messages', query())));
  for (const one of all) { assert.equal(one.status, 200); JSON.parse(one.body); }
});
await step('unknown invokes, paths and bodies are refused as over https', async () => {
  assert.equal((await send(peer, 'POST', '/api/messages', activity('invoke', { name: 'brand/new' }))).status, 501);
  assert.equal((await send(peer, 'POST', '/elsewhere', activity('message'))).status, 404);
  assert.equal((await send(peer, 'PUT', '/api/messages', activity('message'))).status, 405);
  assert.equal((await send(peer, 'POST', '/api/messages', { type: 'message', text: 'x'.repeat(300_000) })).status, 413);
  assert.equal((await send(peer, 'POST', '/api/messages', activity('message', { serviceUrl: 'urn:botframework:websocket:workspace' }))).status, 401);
});
await step('a socket is opened with a good token alone', async () => {
  for (const [claims, headers] of [[{ aud: tenant }, {}], [{ iss: 'https://elsewhere.example' }, {}], [{ exp: 1 }, {}], [{}, { channelid: 'somewhere' }], [{}, { authorization: 'Bearer x' }]])
    await assert.rejects(open(claims, headers), /401/);
});
await step('text ends the socket, binary that is no frame too', async () => {
  const text = await open();
  text.raw.send('hello');
  assert.equal(await new Promise((closed) => text.raw.once('close', closed)), 1003);
  const junk = await open();
  junk.raw.send(Buffer.alloc(48));
  assert.equal(await new Promise((closed) => junk.raw.once('close', closed)), 1008);
});
raw.close();

// ---- the workspace opens a socket to a bot on the framework

const heard = [];
class Bot extends TeamsActivityHandler {
  constructor() {
    super();
    this.onMessage(async (context, next) => {
      heard.push(context.activity.text);
      await context.sendActivity('over the socket');
      await next();
    });
  }
  async onAdaptiveCardInvoke(context, value) {
    heard.push(value.action.verb);
    return { statusCode: 200, type: 'application/vnd.microsoft.activity.message', value: 'recorded' };
  }
}
const metadata = `${workspace}/teams/v1/.well-known/openidconfiguration`;
const adapter = new CloudAdapter(new ConfigurationBotFrameworkAuthentication({
  MicrosoftAppId: app, MicrosoftAppTenantId: tenant, MicrosoftAppType: 'SingleTenant', ToChannelFromBotLoginUrl: `${workspace}/teams/login/${tenant}`,
  ToChannelFromBotOAuthScope: 'https://api.botframework.com', ToBotFromChannelTokenIssuer: 'https://api.botframework.com', OAuthUrl: `${workspace}/teams/`,
  ToBotFromChannelOpenIdMetadataUrl: metadata, ToBotFromEmulatorOpenIdMetadataUrl: metadata, CallerId: 'urn:botframework:azure', ValidateAuthority: '',
}, new PasswordServiceClientCredentialFactory(app, 'none', tenant)));
const problems = [];
adapter.onTurnError = async (context, error) => { problems.push(error); };
const bot = new Bot();
const server = http.createServer();
server.on('upgrade', (request, socket, head) => {
  adapter.process(request, socket, head, (context) => bot.run(context)).catch((error) => { problems.push(error); socket.destroy(); });
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
try {
  await control('bot', { messages_url: `http://127.0.0.1:${server.address().port}/api/messages`, transport: 'websocket' });
  await step('the workspace reaches a bot on the framework over a socket, and hears it there', async () => {
    const said = await control('say', { user: 'amy', text: 'hello' });
    assert.equal(said.status, 200, `${JSON.stringify(said)} ${problems.map((one) => one.stack)}`);
    assert.deepEqual(heard, ['hello']);
    assert.deepEqual(problems.map(String), []);
    const answer = await fetch(`${workspace}/control/teams/messages?conversation=a:1amy`);
    const { messages } = await answer.json();
    assert.equal(messages.at(-1).activity.text, 'over the socket');
  });
  console.log(`${passed} passed, 0 failed`);
} finally {
  server.close();
  server.closeAllConnections();
}
process.exit(0);
