import { randomInt } from "node:crypto";
import { setMaxListeners } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import Fastify, { type FastifyInstance } from "fastify";
import { explainError } from "./explain-error.ts";
import { FaultBoard } from "./faults/fault-board.ts";
import { addAuditRoutes } from "./http/audit-routes.ts";
import { addControlRoutes } from "./http/control-routes.ts";
import { PendingCalls } from "./http/pending-calls.ts";
import { addQuickbooksRoutes } from "./http/quickbooks-routes.ts";
import type { SimulatorParts } from "./http/simulator-parts.ts";
import { addStrictRoutes } from "./http/strict-routes.ts";
import { serveToken } from "./http/token-endpoint.ts";
import { TrickleOfRevocations } from "./http/trickle.ts";
import { addXeroRoutes } from "./http/xero-routes.ts";
import { Ledger } from "./ledger/ledger.ts";
import { restoreLedger } from "./ledger/ledger-snapshot.ts";
import { type ProviderKind, providerKinds, type RulesByKindPatch, startingRules } from "./ledger/provider-rules.ts";
import { seededRandom } from "./ledger/random.ts";
import { loadState, StateWriter } from "./state-file.ts";
import { realHosts } from "./token/issuer.ts";
import { createSigningKey } from "./token/signing-key.ts";

export interface SimulatorOptions {
  /** 0, the default, takes any free port. */
  port?: number | undefined;
  /** Loopback unless told otherwise. */
  host?: string | undefined;
  /** Divides every published lifetime: 60 turns minutes into seconds. */
  scale?: number | undefined;
  /** Replaces rules after scaling; durations are taken as they are. */
  rules?: RulesByKindPatch | undefined;
  /** The time, in Unix milliseconds. */
  clock?: (() => number) | undefined;
  /** Repeats the dice of faults and of random revocations. */
  seed?: number | undefined;
  /** Letters and digits at the beginning of every token, so that tokens can be looked for where none may be. */
  tokenMark?: string | undefined;
  /** Where the bookkeeping is kept across restarts; without it, it ends with the process. */
  stateFile?: string | undefined;
}

export interface Simulator {
  readonly url: string;
  readonly port: number;
  readonly seed: number;
  readonly tokenUrls: Record<ProviderKind, string>;
  /** The bookkeeping, for use in the same process. */
  readonly state: Ledger;
  readonly faults: FaultBoard;
  /** Cuts every connection, saves the state, ends. May be called twice. */
  close(): Promise<void>;
}

const tokenPaths: Record<ProviderKind, string> = {
  xero: "/xero/connect/token",
  quickbooks: "/quickbooks/oauth2/v1/tokens/bearer",
  strict: "/strict/oauth/token",
};

/** A bulk check of 100,000 tokens is about 10 MB. */
const maxControlBodyBytes = 256 * 1024 * 1024;
/** Longer than any client keeps a connection: a token request must never race the server's closing of it. */
const keepAliveMs = 600_000;

/**
 * Starts the provider simulator on one port; resolves when it listens.
 * Throws when the port is taken, when a rule is impossible, or when the state file is not one of ours.
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const rules = startingRules(options.scale ?? 1, options.rules ?? {});
  const saved = options.stateFile === undefined ? null : await loadState(options.stateFile);
  const { tokenMark } = options;
  const ledger = saved ? restoreLedger(saved, rules, tokenMark) : new Ledger(rules, { tokenMark });
  const seed = options.seed ?? randomInt(2 ** 32);
  const random = seededRandom(seed);
  const closing = new AbortController();
  // Every reply that waits listens to it, and there is no limit to those.
  setMaxListeners(0, closing.signal);
  const parts: SimulatorParts = {
    ledger,
    faults: new FaultBoard(random),
    pending: new PendingCalls(),
    key: createSigningKey(),
    now: options.clock ?? Date.now,
    random,
    seed,
    closing: closing.signal,
  };
  const trickle = new TrickleOfRevocations(parts);
  const app = buildApp(parts, trickle);
  const host = options.host ?? "127.0.0.1";
  await app.listen({ port: options.port ?? 0, host });
  const writer = options.stateFile === undefined ? null : new StateWriter(options.stateFile, ledger);
  writer?.start();

  let closed: Promise<void> | undefined;
  async function close(): Promise<void> {
    trickle.close();
    closing.abort();
    parts.faults.clear();
    await app.close();
    await writer?.stop();
  }
  const { port } = app.server.address() as AddressInfo;
  const url = `http://${host}:${port}`;
  return {
    url,
    port,
    seed,
    tokenUrls: {
      xero: url + tokenPaths.xero,
      quickbooks: url + tokenPaths.quickbooks,
      strict: url + tokenPaths.strict,
    },
    state: ledger,
    faults: parts.faults,
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

function buildApp(parts: SimulatorParts, trickle: TrickleOfRevocations): FastifyInstance {
  const app = Fastify({
    bodyLimit: maxControlBodyBytes,
    forceCloseConnections: true,
    serverFactory: (others) => tokenServer(parts, others),
    rewriteUrl: (req) => pathOf(req),
  });
  app.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "string" }, (_request, body, done) => {
    done(null, body);
  });
  app.setErrorHandler((error, _request, reply) => reply.code(400).send({ error: explainError(error) }));
  app.get("/control/health", () => ({ ok: true }));
  addControlRoutes(app, parts, trickle);
  addAuditRoutes(app, parts);
  addXeroRoutes(app, parts);
  addQuickbooksRoutes(app, parts);
  addStrictRoutes(app, parts);
  return app;
}

/** Token requests go past the framework, which would cost half of their time. */
function tokenServer(parts: SimulatorParts, others: RequestListener): Server {
  const kinds = new Map(providerKinds.map((kind) => [tokenPaths[kind], kind]));
  const server = createServer((req, res) => {
    const kind = kinds.get(pathOf(req));
    if (kind === undefined) others(req, res);
    else serveToken(parts, kind, req, res);
  });
  server.keepAliveTimeout = keepAliveMs;
  server.requestTimeout = 0;
  return server;
}

/** Requests that name a provider's real host are served under that provider's prefix. */
function pathOf(req: Pick<IncomingMessage, "url" | "headers">): string {
  const url = req.url ?? "/";
  const kind = realHosts.get(req.headers.host ?? "");
  return kind === undefined ? url : `/${kind}${url}`;
}
