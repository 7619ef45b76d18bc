import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import type { Canary } from "@evergrant/testkit";

/** Everything that a provider may do with the secrets that it is told. */
export const BEHAVIOURS = [
  "rotate",
  "slow",
  "renew",
  "reject",
  "blame-app",
  "token-as-error",
  "echo-request",
  "echo-in-headers",
  "echo-in-page",
  "explode",
  "break-off",
  "redirect",
  "throttle",
] as const;

export type Behaviour = (typeof BEHAVIOURS)[number];

/** A token endpoint whose every token holds a canary, and whose errors repeat whatever they can. */
export interface EchoingProvider {
  readonly tokenUrl: string;
  /** A refresh token that makes it behave so. */
  mint(behaviour: Behaviour, no: number): string;
  requests(behaviour: Behaviour): number;
  close(): Promise<void>;
}

const SLOW_MS = 1_200;
const LIFETIME_S = 3;

export async function startEchoingProvider(canaries: {
  readonly refresh: Canary;
  readonly access: Canary;
}): Promise<EchoingProvider> {
  const requests = new Map<string, number>();
  let issued = 0;
  const nextNo = () => {
    issued += 1;
    return issued;
  };
  // What needs escaping stands beside the canary: every encoding must be seen through.
  const mint = (behaviour: Behaviour, no: number) => `${canaries.refresh.secret}+/ "${behaviour}"=${no}`;
  const access = () => `${canaries.access.secret}.${nextNo()}/+=`;

  const server = createServer(async (request, response) => {
    const body = await text(request);
    const presented = new URLSearchParams(body).get("refresh_token") ?? "";
    const behaviour = (/"([a-z-]+)"/.exec(presented)?.[1] ?? "rotate") as Behaviour;
    requests.set(behaviour, (requests.get(behaviour) ?? 0) + 1);
    await answer(behaviour, {
      request,
      response,
      body,
      presented,
      next: mint(behaviour, nextNo()),
      access: access(),
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    tokenUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    mint,
    requests: (behaviour) => requests.get(behaviour) ?? 0,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: string;
  readonly presented: string;
  readonly next: string;
  readonly access: string;
}

async function answer(behaviour: Behaviour, exchange: Exchange): Promise<void> {
  const { request, response, body, presented, next, access } = exchange;
  const authorization = request.headers.authorization ?? "";
  const credentials = Buffer.from(authorization.split(" ")[1] ?? "", "base64").toString();
  const everything = `${presented} ${encodeURIComponent(presented)} ${authorization} ${credentials} ${body} ${JSON.stringify(presented)}`;
  const json = (status: number, fields: object, headers: Record<string, string> = {}) =>
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(fields));
  const tokens = { access_token: access, refresh_token: next, expires_in: LIFETIME_S, token_type: "Bearer" };

  switch (behaviour) {
    case "slow":
      await delay(SLOW_MS);
      return void json(200, tokens);
    case "rotate":
      return void json(200, { ...tokens, error_description: everything });
    case "renew":
      return void json(200, { access_token: access, expires_in: LIFETIME_S });
    case "reject":
      return void json(400, { error: "invalid_grant", error_description: `no such token: ${everything}` });
    case "blame-app":
      return void json(401, {
        error: "invalid_client",
        error_description: `bad credentials: ${credentials} ${everything}`,
      });
    case "token-as-error":
      return void json(400, { error: presented, error_description: presented.toUpperCase(), access_token: access });
    case "echo-request":
      return void response
        .writeHead(500, { "content-type": "text/plain" })
        .end(`${JSON.stringify(request.headers)}\n${everything}`);
    case "echo-in-headers":
      return void json(
        503,
        {},
        { "x-request-id": Buffer.from(everything).toString("base64"), "x-debug": encodeURIComponent(everything) },
      );
    case "echo-in-page":
      return void response.writeHead(200, { "content-type": "text/html" }).end(`<html>${everything}</html>`);
    case "explode":
      return void response.writeHead(200).end(`{"access_token":"${access.repeat(20_000)}`);
    case "break-off":
      response.writeHead(200, { "content-length": "100000" });
      return void response.write(JSON.stringify(tokens).slice(0, -30), () => response.destroy());
    case "redirect":
      return void response.writeHead(307, { location: `/elsewhere?${body}` }).end(everything);
    case "throttle":
      return void json(429, { error: everything }, { "retry-after": "1" });
  }
}
