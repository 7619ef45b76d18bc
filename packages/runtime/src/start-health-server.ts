import type { AddressInfo } from "node:net";
import type { FastifyError, FastifyInstance } from "fastify";
import type { Registry } from "prom-client";
import { createReadinessCheck } from "./check-readiness.ts";
import type { Logger } from "./create-logger.ts";
import { holdsToken } from "./holds-token.ts";
import { ConfigurationError } from "./user-error.ts";

const LONGEST_READINESS_CHECK_MS = 2_000;
const PROBES = new Set(["/healthz", "/readyz"]);

export interface HealthServerOptions {
  host: string;
  port: number;
  portVariable: string;
  logger: Logger;
  ready: () => Promise<unknown>;
  register: Registry;
  token?: string | undefined;
  routes?: (server: FastifyInstance) => void | Promise<void>;
  readyTimeoutMs?: number;
}

export interface HealthServer {
  /** Where it listens, such as `http://127.0.0.1:9462`. */
  readonly url: string;
  /** Answers no more. Calling it again changes nothing. */
  close(): Promise<void>;
}

/**
 * Serves `/healthz` (200: the process answers), `/readyz` (200, or 503 and one line that says why not),
 * `/metrics` (all of `register`) and what `routes` adds.
 *
 * `ready` rejects while the process is not ready; it is asked at most once at a time and given
 * `readyTimeoutMs`. `token`, if set, is demanded by everything but the two probes, as a bearer token or
 * as the password of basic authentication.
 *
 * Throws `ConfigurationError` when it cannot listen there, naming `portVariable` or EVERGRANT_HOST.
 */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  // Loaded when first needed: a command of the CLI starts faster without it.
  const { fastify } = await import("fastify");
  const server = fastify({ forceCloseConnections: true });
  answerFailuresPlainly(server, options.logger);
  if (options.token !== undefined) demandToken(server, options.token);
  addOwnRoutes(server, options);
  await options.routes?.(server);
  await listen(server, options);
  return { url: urlOf(server, options.host), close: () => server.close() };
}

function answerFailuresPlainly(server: FastifyInstance, logger: Logger): void {
  server.setNotFoundHandler((_request, reply) => reply.code(404).type("text/plain").send("not found\n"));
  server.setErrorHandler((error: FastifyError, request, reply) => {
    const isOurs = error.statusCode === undefined || error.statusCode >= 500;
    if (isOurs) logger.error({ err: error, route: request.routeOptions.url }, "could not answer a request");
    return reply
      .code(isOurs ? 500 : (error.statusCode ?? 400))
      .type("text/plain")
      .send(isOurs ? "failed, see the log\n" : "bad request\n");
  });
}

function demandToken(server: FastifyInstance, token: string): void {
  server.addHook("onRequest", async (request, reply) => {
    if (PROBES.has(request.routeOptions.url ?? "") || holdsToken(request.headers.authorization, token)) return;
    await reply
      .code(401)
      .header("www-authenticate", 'Basic realm="evergrant", charset="UTF-8"')
      .type("text/plain")
      .send("the token of EVERGRANT_METRICS_TOKEN is needed\n");
  });
}

function addOwnRoutes(
  server: FastifyInstance,
  {
    ready,
    register,
    readyTimeoutMs = LONGEST_READINESS_CHECK_MS,
  }: Pick<HealthServerOptions, "ready" | "register" | "readyTimeoutMs">,
): void {
  const checkReadiness = createReadinessCheck(ready, readyTimeoutMs);
  server.get("/healthz", (_request, reply) => reply.type("text/plain").send("alive\n"));
  server.get("/readyz", async (_request, reply) => {
    const reason = await checkReadiness();
    const line = reason === undefined ? "ready\n" : `not ready: ${reason}\n`;
    return reply
      .code(reason === undefined ? 200 : 503)
      .type("text/plain")
      .send(line);
  });
  server.get("/metrics", async (_request, reply) => reply.type(register.contentType).send(await register.metrics()));
}

async function listen(server: FastifyInstance, { host, port, portVariable }: HealthServerOptions): Promise<void> {
  try {
    await server.listen({ host, port });
  } catch (error) {
    await server.close();
    throw cannotListen(error, { host, port, portVariable });
  }
}

function cannotListen(
  error: unknown,
  { host, port, portVariable }: Pick<HealthServerOptions, "host" | "port" | "portVariable">,
): unknown {
  switch (error instanceof Error && "code" in error ? error.code : undefined) {
    case "EADDRINUSE":
      return new ConfigurationError([
        `${portVariable}: port ${port} of ${host} is taken by another program; choose another, or 0 for any free one`,
      ]);
    case "EACCES":
      return new ConfigurationError([`${portVariable}: this user may not open port ${port}; choose one above 1023`]);
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new ConfigurationError([
        `EVERGRANT_HOST: ${host} is no address of this machine; try 127.0.0.1 or 0.0.0.0`,
      ]);
    default:
      return error;
  }
}

function urlOf(server: FastifyInstance, host: string): string {
  const { port } = server.server.address() as AddressInfo;
  if (host === "0.0.0.0" || host === "::") return `http://127.0.0.1:${port}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
