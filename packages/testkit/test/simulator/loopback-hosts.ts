import https from "node:https";
import net from "node:net";
import { afterAll, beforeAll } from "vitest";

/**
 * xero-node's addresses are fixed. While a test file runs, its HTTPS requests to the named hosts reach the simulator's
 * port over a plain connection: host name, path, headers and body are what the SDK made of them, only TLS is left out.
 * Any other host is refused, so that no test can leave this machine.
 */
export function serveHostsFrom(port: () => number, hosts: readonly string[]): void {
  const original = https.globalAgent;
  const agent = new https.Agent();
  // The way that Node documents for connections of one's own making; its types know it on http.Agent alone.
  Object.assign(agent, {
    createConnection({ host }: { host: string }) {
      if (!hosts.includes(host)) throw new Error(`a test tried to reach ${host}`);
      return net.connect({ host: "127.0.0.1", port: port() });
    },
  });
  beforeAll(() => {
    https.globalAgent = agent;
  });
  afterAll(() => {
    https.globalAgent = original;
    agent.destroy();
  });
}
