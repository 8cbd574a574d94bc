// Signing in and out with the official TypeScript SDK, 1.x or 2.x: node --input-type=module - SDK URL ARGUMENTS. Prints the
// address that a person has to open, takes the answer itself, then calls `query` with these arguments; prints the address of
// another sign-in, which it needs in the end, and last one JSON object that tells what it saw.
import { createServer } from 'node:http';
import { once } from 'node:events';

const [sdk, url, query] = process.argv.slice(2);
const sources = {
  sdk1: ['auth', 'index', 'streamableHttp'].map((name) => `@modelcontextprotocol/sdk/client/${name}.js`),
  sdk2: ['@modelcontextprotocol/client'],
};
const modules = await Promise.all(sources[sdk].map((source) => import(source)));
const { Client, StreamableHTTPClientTransport, discoverAuthorizationServerMetadata } = Object.assign({}, ...modules);

const callback = createServer().listen(0, '127.0.0.1');
await once(callback, 'listening');
const redirectUrl = `http://localhost:${callback.address().port}/callback`;
const kept = { issued: [] };
const authProvider = {
  redirectUrl,
  clientMetadata: { client_name: `TypeScript ${sdk}`, redirect_uris: [redirectUrl], token_endpoint_auth_method: 'none' },
  state: () => 'a-state-of-the-tests',
  clientInformation: () => kept.client,
  saveClientInformation: (client) => { kept.client = client; },
  tokens: () => kept.tokens,
  saveTokens: (tokens) => { kept.tokens = tokens; kept.issued.push(tokens); },
  saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
  codeVerifier: () => kept.verifier,
  invalidateCredentials: (what) => {
    if (what === 'tokens' || what === 'all') kept.tokens = undefined;
    if (what === 'client' || what === 'all') kept.client = undefined;
  },
  redirectToAuthorization: (address) => console.log(String(address)),
};
const start = () => new StreamableHTTPClientTransport(new URL(url), { authProvider });
const connect = async (transport) => {
  const client = new Client({ name: 'clients', version: '1' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(transport);
  return client;
};

const first = start();
const refused = await connect(first).then(() => 'let in', (error) => error.constructor.name);
const [asked, answer] = await once(callback, 'request');
answer.end();
await once(answer, 'finish');
callback.close();
callback.closeAllConnections();
const answered = new URL(asked.url, redirectUrl).searchParams;
await first.finishAuth(answered.get('code'), answered.get('iss'));
const client = await connect(start());
const tools = (await client.listTools()).tools;

const results = [await client.callTool({ name: 'query', arguments: JSON.parse(query) })];

// An access token that is not good any more: the SDK refreshes it by itself.
kept.tokens = { ...kept.tokens, access_token: 'expired' };
results.push(await client.callTool({ name: 'query', arguments: JSON.parse(query) }));
await client.close();

// The SDK has no way to revoke a token, but it knows where that is done.
const metadata = await discoverAuthorizationServerMetadata(new URL(url).origin);
const form = { token: kept.tokens.refresh_token, token_type_hint: 'refresh_token', client_id: kept.client.client_id };
const revoked = await fetch(metadata.revocation_endpoint, { method: 'POST', body: new URLSearchParams(form) });
if (!revoked.ok) throw new Error(`not revoked: ${revoked.status}`);
const again = await connect(start()).then(() => 'let in', (error) => error.constructor.name);
const answers = Object.fromEntries(answered);
console.log(JSON.stringify({ refused: [refused, again], answered: answers, issued: kept.issued, client: kept.client.client_id, tools, results }));
