// A bot on Microsoft's official framework, unmodified, against the local workspace's Teams: its own validation of
// tokens, its own Connector client. botbuilder.mjs URL
import assert from 'node:assert/strict';
import http from 'node:http';
import botbuilder from 'botbuilder';
import connector from 'botframework-connector';

const { CloudAdapter, ConfigurationBotFrameworkAuthentication, MessageFactory, CardFactory, TeamsActivityHandler, TeamsInfo } = botbuilder;
const { AppCredentials, PasswordServiceClientCredentialFactory } = connector;
const [url] = process.argv.slice(2);
const app = '00000000-0000-4000-8000-000000000b07';
const tenant = '00000000-0000-4000-8000-00000000051a';
const channel = '19:approvals@thread.tacv2';

async function control(name, body) {
  const answer = body
    ? await fetch(`${url}/control/teams/${name}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    : await fetch(`${url}/control/teams/${name}`);
  return answer.json();
}
const messages = async (conversation) => (await control(`messages?conversation=${encodeURIComponent(conversation)}`)).messages;

// The framework's own way to a token insists on https; everything after it is the framework's.
class Token extends AppCredentials {
  constructor() { super(app, tenant, 'https://api.botframework.com/.default'); }
  async getToken() {
    const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: app, client_secret: 'sim-teams-dev', scope: 'https://api.botframework.com/.default' });
    const answer = await fetch(`${url}/teams/login/${tenant}/oauth2/v2.0/token`, { method: 'POST', body: form });
    assert.equal(answer.status, 200);
    return (await answer.json()).access_token;
  }
}
class Credentials extends PasswordServiceClientCredentialFactory {
  constructor() { super(app, 'sim-teams-dev', tenant); }
  async createCredentials() { return new Token(); }
}

const card = (text) => CardFactory.adaptiveCard({
  type: 'AdaptiveCard', version: '1.5', body: [{ type: 'TextBlock', text }, { type: 'Input.Text', id: 'why', isRequired: true }],
  actions: [{ type: 'Action.Execute', title: 'Yes', verb: 'yes', data: { n: 7 } }],
});
const seen = { members: [], invoked: [], problems: [] };
class Bot extends TeamsActivityHandler {
  constructor() {
    super();
    this.onMessage(async (context, next) => {
      const sent = await context.sendActivity(MessageFactory.attachment(card('first')));
      const update = MessageFactory.attachment(card('second'));
      update.id = sent.id;
      await context.updateActivity(update);
      let token;
      do {
        const page = await TeamsInfo.getPagedMembers(context, 100, token);
        seen.members.push(...page.members);
        token = page.continuationToken;
      } while (token);
      await next();
    });
  }
  async onAdaptiveCardInvoke(context, value) {
    seen.invoked.push({ value, from: context.activity.from.aadObjectId });
    return { statusCode: 200, type: 'application/vnd.microsoft.card.adaptive', value: { type: 'AdaptiveCard', version: '1.5', body: [{ type: 'TextBlock', text: `recorded ${value.action.data.why}` }] } };
  }
}

const authentication = new ConfigurationBotFrameworkAuthentication({
  MicrosoftAppId: app, MicrosoftAppTenantId: tenant, MicrosoftAppType: 'SingleTenant',
  ToChannelFromBotLoginUrl: `${url}/teams/login/${tenant}`, ToChannelFromBotOAuthScope: 'https://api.botframework.com',
  ToBotFromChannelTokenIssuer: 'https://api.botframework.com', OAuthUrl: `${url}/teams/`,
  ToBotFromChannelOpenIdMetadataUrl: `${url}/teams/v1/.well-known/openidconfiguration`,
  ToBotFromEmulatorOpenIdMetadataUrl: `${url}/teams/v1/.well-known/openidconfiguration`, CallerId: 'urn:botframework:azure', ValidateAuthority: '',
}, new Credentials());
const adapter = new CloudAdapter(authentication);
adapter.onTurnError = async (context, error) => { seen.problems.push(error); };
const bot = new Bot();
const server = http.createServer(async (request, response) => {
  let body = '';
  for await (const piece of request) body += piece;
  request.body = body ? JSON.parse(body) : {};
  response.status = (code) => { response.statusCode = code; return response; };
  response.send = (what) => { response.end(typeof what === 'string' ? what : JSON.stringify(what)); return response; };
  response.header = (name, value) => { response.setHeader(name, value); return response; };
  await adapter.process(request, response, (context) => bot.run(context));
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const endpoint = `http://127.0.0.1:${server.address().port}/api/messages`;
let passed = 0;
const step = async (title, body) => {
  try { await body(); } catch (error) { throw new Error(`${title}: ${error.message}; ${seen.problems.map(String)}`, { cause: error }); }
  ++passed;
  console.log(`ok - botbuilder: ${title}`);
};
try {
  await control('bot', { messages_url: endpoint });
  await step('believes the tokens that the workspace signs, sends, updates and reads rosters', async () => {
    const said = await control('say', { user: 'amy', conversation: channel, text: 'hello' });
    assert.equal(said.status, 200, JSON.stringify(said));
    const sent = (await messages(channel)).filter((one) => one.from === 'bot');
    assert.equal(sent.length, 1);
    assert.equal(sent[0].edits, 1);
    assert.equal(sent[0].activity.attachments[0].content.body[0].text, 'second');
    assert.deepEqual(new Set(seen.members.map((one) => one.userRole)), new Set(['user', 'guest', 'anonymous']));
    assert.ok(seen.members.some((one) => one.aadObjectId === '00000000-0000-4000-8000-0000000000a1'));
    assert.deepEqual(seen.problems, []);
  });
  await step('answers a button in the body, and the person sees it', async () => {
    const message = (await messages(channel)).find((one) => one.from === 'bot').id;
    assert.equal((await control('press', { user: 'ben', message, title: 'Yes' })).error, 'input_required');
    const pressed = await control('press', { user: 'ben', message, title: 'Yes', inputs: { why: 'because' } });
    assert.equal(pressed.status, 200, JSON.stringify(pressed));
    assert.equal(seen.invoked[0].value.action.verb, 'yes');
    assert.deepEqual(seen.invoked[0].value.action.data, { n: 7, why: 'because' });
    assert.equal(seen.invoked[0].from, '00000000-0000-4000-8000-0000000000b2');
    const view = await control(`view?user=ben&message=${message}`);
    assert.equal(view.card.body[0].text, 'recorded because');
    assert.equal((await control(`view?user=amy&message=${message}`)).own, false);
  });
  await step('refuses what the workspace did not sign for it', async () => {
    for (const claims of [{ aud: tenant }, { iss: 'https://elsewhere.example' }, { exp: 1 }, { serviceurl: 'http://elsewhere.example/' }]) {
      const before = seen.invoked.length;
      const { activity } = await control('say', { user: 'amy', text: 'x' });
      const refused = await control('send', { activity: { ...activity, id: undefined }, claims });
      assert.equal(refused.status, 401, JSON.stringify(claims));
      assert.equal(seen.invoked.length, before);
    }
  });
  await step('is refused as Teams refuses', async () => {
    await control('faults', { method: 'POST', path: '/activities', status: 403, code: 'ConversationBlockedByUser' });
    await control('say', { user: 'amy', text: 'hello again' });
    assert.equal(seen.problems.length, 1);
    assert.equal(seen.problems[0].code ?? seen.problems[0].body?.error?.code, 'ConversationBlockedByUser');
  });
  console.log(`${passed} passed, 0 failed`);
} finally {
  server.close();
  server.closeAllConnections();
}
