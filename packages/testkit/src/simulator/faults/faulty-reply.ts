import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { TokenReply } from "../token/wire.ts";
import type { FaultEffect, ReplacingEffect } from "./fault-spec.ts";

/** Whether the effect strikes before the refresh token is used, which then stays what it was. */
export function strikesBeforeUse(effect: ReplacingEffect): boolean {
  switch (effect.type) {
    case "half_body":
    case "drip":
      return false;
    case "throttle":
    case "redirect":
    case "error_in_200":
      return true;
    default:
      return effect.at === "received";
  }
}

/**
 * Sends what the effect says instead of the reply. `reply` is the true one, null if the request was not looked at.
 * Resolves when all is sent or the connection is gone; a client that hangs up is no error.
 */
export async function sendFaultyReply(
  res: ServerResponse,
  effect: ReplacingEffect,
  headers: Record<string, string>,
  reply: TokenReply | null,
  signal: AbortSignal,
): Promise<void> {
  switch (effect.type) {
    case "status":
      return send(res, effect.status, { ...headers, "content-type": "text/plain" }, effect.body);
    case "throttle":
      return send(res, 429, { ...headers, "retry-after": String(effect.retryAfter) }, "");
    case "drop":
      res.socket?.destroy();
      return;
    case "half_body":
      return sendHalf(res, reply);
    case "html":
      return send(res, effect.status, { ...headers, "content-type": "text/html" }, maintenancePage);
    case "empty":
      return send(res, 200, headers, "");
    case "junk":
      return send(res, 200, headers, "}{ not JSON");
    case "error_in_200":
      return send(res, 200, headers, JSON.stringify({ error: effect.error }));
    case "big_body":
      return sendBig(res, headers, effect.bytes);
    case "drip":
      return sendDrip(res, reply, effect.intervalMs, signal);
    case "redirect":
      return send(res, effect.status, { ...headers, location: effect.location }, "");
  }
}

/** The reply with the fields changed that `effects` name; errors are left as they are. */
export function editReply(reply: TokenReply, effects: readonly FaultEffect[]): TokenReply {
  if (reply.status !== 200) return reply;
  const fields: Record<string, unknown> = JSON.parse(reply.body);
  for (const effect of effects) {
    if (effect.type === "omit_refresh_token") delete fields.refresh_token;
    if (effect.type === "omit_access_token") delete fields.access_token;
    if (effect.type !== "expires_in") continue;
    if (effect.value === undefined) delete fields.expires_in;
    else fields.expires_in = effect.value;
  }
  // A success without an access token is no answer that a client could count as one.
  const outcome = "access_token" in fields ? reply.outcome : "fault";
  return { ...reply, outcome, body: JSON.stringify(fields) };
}

const maintenancePage = "<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>";

function send(res: ServerResponse, status: number, headers: Record<string, string>, body: string): void {
  res.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) });
  res.end(body);
}

async function sendHalf(res: ServerResponse, reply: TokenReply | null): Promise<void> {
  if (!reply) return;
  const half = reply.body.slice(0, middleOf(reply.body));
  res.writeHead(reply.status, { ...reply.headers, "content-length": Buffer.byteLength(reply.body) });
  res.write(half, () => res.socket?.destroy());
}

/** Half a body may hold the whole of a token that stands at its beginning. */
function middleOf(body: string): number {
  const token = /"refresh_token":"([^"]*)"/d.exec(body)?.indices?.[1];
  return token === undefined ? body.length / 2 : (token[0] + token[1]) / 2;
}

async function sendBig(res: ServerResponse, headers: Record<string, string>, bytes: number): Promise<void> {
  res.writeHead(200, headers);
  await untilGone(pipeline(Readable.from(bigChunks(bytes)), res));
}

function* bigChunks(bytes: number): Generator<Buffer> {
  const chunk = Buffer.alloc(64 * 1024, " ");
  for (let left = bytes; left > 0; left -= chunk.length) yield chunk.subarray(0, Math.min(left, chunk.length));
}

async function sendDrip(
  res: ServerResponse,
  reply: TokenReply | null,
  intervalMs: number,
  signal: AbortSignal,
): Promise<void> {
  if (!reply) return;
  async function* drops(body: string): AsyncGenerator<string> {
    for (const byte of body) {
      yield byte;
      await delay(intervalMs, undefined, { signal });
    }
  }
  res.writeHead(reply.status, { ...reply.headers, "content-length": Buffer.byteLength(reply.body) });
  await untilGone(pipeline(Readable.from(drops(reply.body)), res, { signal }));
}

/** The client may hang up at any byte, and the simulator may be closed: nothing else ends a reply early. */
async function untilGone(sending: Promise<void>): Promise<void> {
  await sending.catch(() => undefined);
}
