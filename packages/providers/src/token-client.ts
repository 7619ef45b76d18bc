import type { TokenEndpointAnswer } from "@evergrant/core";
import { Agent } from "undici";
import { exchange } from "./exchange.ts";
import { buildTokenRequest, type TokenRequest } from "./token-request.ts";

const CONNECTIONS_PER_APP = 256;
const CONNECT_WITHIN_MS = 10_000;
/** Connecting, and waiting for a turn where all of an app's connections are taken. */
const SEND_WITHIN_MS = 15_000;
/** Far above what servers send: headers that are too long lose the tokens behind them. */
const LONGEST_HEADERS_BYTES = 64 * 1024;
/** Shorter than any gateway keeps an idle connection: reusing one that is being closed loses an answer. */
const IDLE_CONNECTION_MS = 4_000;

export interface TokenClientOptions {
  /** Requests of one OAuth app at a time, in this process; 256 unless told. */
  readonly connectionsPerApp?: number;
  /** Certificates (PEM) to trust instead of the well-known authorities. */
  readonly tls?: { readonly ca: string | string[] };
}

export interface AskOptions {
  /**
   * Asked in the last moment before the first byte is written, when a connection has been found: false, and
   * nothing is sent. Must not wait.
   */
  readonly mayBegin?: (() => boolean) | undefined;
}

export interface TokenClient {
  /**
   * Asks a token endpoint once and reports what came back, unjudged. Never rejects and never sends
   * anything twice. There is no way to cancel: the answer may be the only copy of the next token. It
   * ends by itself within 15 s to begin plus `descriptor.answerTimeoutMs` to be answered.
   *
   * `sent: false` is a promise that the provider saw nothing: no name, no connection, no TLS. After a
   * crash during a call nobody knows what came of it; that is what the intent is for.
   */
  ask(request: TokenRequest, options?: AskOptions): Promise<TokenEndpointAnswer>;
  /** Takes no more requests, waits for those under way, then closes the connections. Idempotent. */
  close(): Promise<void>;
}

/**
 * An HTTP client for token endpoints: HTTP/1.1, no redirects, a pool of kept connections for each OAuth app. Apps of
 * one provider share its origin, and one whose answers hang must not take the connections of the others.
 */
export function createTokenClient(options: TokenClientOptions = {}): TokenClient {
  const agents = new Map<string, Agent>();
  const agentOf = ({ clientId, descriptor }: TokenRequest): Agent => {
    const app = JSON.stringify([descriptor.tokenUrl, clientId]);
    const agent = agents.get(app) ?? openAgent(options);
    agents.set(app, agent);
    return agent;
  };
  const underWay = new Set<Promise<TokenEndpointAnswer>>();
  let closed: Promise<void> | null = null;

  const ask = async (request: TokenRequest, { mayBegin }: AskOptions = {}): Promise<TokenEndpointAnswer> => {
    if (closed !== null) return neverSent("CLIENT_CLOSED");
    const answer = start(agentOf(request), request, mayBegin);
    underWay.add(answer);
    try {
      return await answer;
    } finally {
      underWay.delete(answer);
    }
  };
  const closeAgents = async () => {
    await Promise.all([...agents.values()].map((agent) => agent.close()));
  };
  const close = (): Promise<void> => {
    // Waited for here: undici forgets a connection that failed once, and what runs on it later.
    closed ??= Promise.all(underWay).then(closeAgents);
    return closed;
  };
  return { ask, close };
}

function openAgent({ connectionsPerApp = CONNECTIONS_PER_APP, tls }: TokenClientOptions): Agent {
  return new Agent({
    connections: connectionsPerApp,
    pipelining: 1,
    keepAliveTimeout: IDLE_CONNECTION_MS,
    maxHeaderSize: LONGEST_HEADERS_BYTES,
    connect: { timeout: CONNECT_WITHIN_MS, ...tls },
  });
}

async function start(
  agent: Agent,
  request: TokenRequest,
  mayBegin: AskOptions["mayBegin"],
): Promise<TokenEndpointAnswer> {
  try {
    const { answerTimeoutMs } = request.descriptor;
    const limits = { sendWithinMs: SEND_WITHIN_MS, answerTimeoutMs, mayBegin };
    return await exchange(agent, buildTokenRequest(request), limits);
  } catch {
    return neverSent("INVALID_REQUEST");
  }
}

function neverSent(code: string): TokenEndpointAnswer {
  return { kind: "none", sent: false, code };
}
