// The official TypeScript SDK 1.x: node --input-type=module - URL AUTHORIZATION CALLS; answers with one JSON object.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const [url, Authorization, calls] = process.argv.slice(2);
const sent = [];
const noted = (input, init) => {
  const headers = new Headers(init?.headers);
  const [version, method, name] = ['mcp-protocol-version', 'mcp-method', 'mcp-name'].map((header) => headers.get(header));
  sent.push({ verb: init?.method ?? 'GET', version, method, name });
  return fetch(input, init);
};
const client = new Client({ name: 'clients', version: '1' });
const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { Authorization } }, fetch: noted });
await client.connect(transport);
await client.ping();
const told = {
  version: transport.protocolVersion,
  session: transport.sessionId ?? null,
  server: client.getServerVersion(),
  capabilities: client.getServerCapabilities(),
  instructions: client.getInstructions(),
  tools: (await client.listTools()).tools,
  answers: [],
};
for (const [name, args] of JSON.parse(calls)) {
  const answer = client.callTool({ name, arguments: args });
  told.answers.push(await answer.catch((error) => ({ thrown: error.message, code: error.code })));
}
await client.close();
console.log(JSON.stringify({ ...told, sent }));
