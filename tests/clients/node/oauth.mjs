// Signing in with the official TypeScript SDK, 1.x or 2.x: node --input-type=module - SDK URL. Prints the address that a person
// has to open, takes the answer itself, then calls tools; a second line, one JSON object, tells what it saw.
import { createServer } from 'node:http';
import { once } from 'node:events';

const [sdk, url] = process.argv.slice(2);
const sources = {
  sdk1: ['@modelcontextprotocol/sdk/client/index.js', '@modelcontextprotocol/sdk/client/streamableHttp.js'],
  sdk2: ['@modelcontextprotocol/client'],
};
const modules = await Promise.all(sources[sdk].map((source) => import(source)));
const { Client, StreamableHTTPClientTransport } = Object.assign({}, ...modules);

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

// An access token that is not good any more: the SDK refreshes it by itself.
kept.tokens = { ...kept.tokens, access_token: 'expired' };
const result = await client.callTool({ name: 'list_schemas', arguments: {} });
await client.close();
console.log(JSON.stringify({ refused, answered: Object.fromEntries(answered), issued: kept.issued, tools, result }));
