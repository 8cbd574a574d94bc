// The official TypeScript SDK 2.x: node --input-type=module - URL AUTHORIZATION CALLS MODE; answers with one JSON object.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const [url, Authorization, calls, mode] = process.argv.slice(2);
const sent = [];
const noted = (input, init) => {
  const headers = new Headers(init?.headers);
  const [version, method, name] = ['mcp-protocol-version', 'mcp-method', 'mcp-name'].map((header) => headers.get(header));
  sent.push({ verb: init?.method ?? 'GET', version, method, name });
  return fetch(input, init);
};
const client = new Client({ name: 'clients', version: '1' }, { versionNegotiation: { mode } });
const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { Authorization } }, fetch: noted });
await client.connect(transport);
const told = {
  version: client.getNegotiatedProtocolVersion(),
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
