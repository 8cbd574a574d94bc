// MCPJam's conformance test of MCP Apps on the server's side: node --input-type=module - URL TOKEN; answers with what it found.
import { MCPAppsConformanceTest } from '@mcpjam/sdk';

const [url, accessToken] = process.argv.slice(2);
const found = await new MCPAppsConformanceTest({ url, accessToken, timeout: 30_000 }).run();
process.stdout.write(JSON.stringify(found), () => process.exit());
