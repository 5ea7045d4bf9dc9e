// A real OpenID provider on the loopback, on a port that the kernel chooses; it prints its issuer. Whoever signs in names
// an account, and how they did it: at which level (acr) and by which methods (amr). Nobody's password is looked at.
import http from 'node:http';
import Provider from 'oidc-provider';

const server = http.createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'countersign',
    client_secret: 'a secret of forty characters, no less: 0123',
    redirect_uris: ['http://127.0.0.1/sign-in/callback'],
    grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'],
    response_types: ['code'],
  }],
  acrValues: ['1', 'phr'],
  claims: { openid: ['sub', 'acr', 'amr', 'auth_time'] },
  cookies: { keys: ['of this run'] },
  features: { devInteractions: { enabled: false }, deviceFlow: { enabled: true } },
  pkce: { required: () => true },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  // Nobody is asked what this client may know: there is nothing but who they are.
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope('openid');
    await grant.save();
    return grant;
  },
});
// The server under test listens on a port of the kernel's choice.
const allowed = provider.Client.prototype.redirectUriAllowed;
provider.Client.prototype.redirectUriAllowed = function (uri) {
  const url = new URL(uri);
  return url.hostname === '127.0.0.1' ? allowed.call(this, `http://127.0.0.1${url.pathname}`) : false;
};

const answer = provider.callback();
server.on('request', async (request, response) => {
  const uid = /^\/interaction\/([^/?]+)$/.exec(request.url)?.[1];
  if (!uid) return answer(request, response);
  if (request.method === 'GET') {
    await provider.interactionDetails(request, response);
    response.setHeader('content-type', 'text/html');
    return response.end(`<!doctype html><title>Sign in</title><form method="post" action="/interaction/${uid}">
      <input name="login"><input name="acr" value="phr"><input name="amr" value="pwd otp"><button>Sign in</button></form>`);
  }
  let body = '';
  for await (const part of request) body += part;
  const form = new URLSearchParams(body);
  const login = { accountId: form.get('login'), acr: form.get('acr') || undefined, amr: form.get('amr')?.split(' '), remember: false };
  const result = form.get('login') ? { login } : { error: 'access_denied' };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
});
console.log(issuer);
