import { Redis } from "ioredis";
import type { Piece } from "./find-canaries.ts";

const KEYS_AT_ONCE = 500;

/**
 * Every key of a Redis database with all that it holds, read by its type: a dump would hide text behind
 * Redis's own compression. Keys that vanish meanwhile are passed over.
 */
export async function* readRedis(url: string): AsyncGenerator<Piece, void> {
  const redis = new Redis(url, { maxRetriesPerRequest: 1 });
  redis.on("error", () => {});
  try {
    let cursor = "0";
    do {
      const [next, keys] = await redis.scanBuffer(cursor, "COUNT", KEYS_AT_ONCE);
      cursor = next.toString();
      for (const key of keys) yield { place: `Redis key ${nameOf(key)}`, content: await readKey(redis, key) };
    } while (cursor !== "0");
  } finally {
    redis.disconnect();
  }
}

/** For messages: the kind of key, without what may be an id. */
function nameOf(key: Buffer): string {
  return key.toString("latin1").replaceAll(/[0-9a-f-]{16,}/gi, "…");
}

async function readKey(redis: Redis, key: Buffer): Promise<Buffer> {
  return Buffer.concat([key, Buffer.from("\n"), ...flatten(await readValue(redis, key))]);
}

/** How each type is read whole. */
const READERS = new Map<string, (key: Buffer) => [string, ...(string | Buffer)[]]>([
  ["string", (key) => ["GET", key]],
  ["list", (key) => ["LRANGE", key, "0", "-1"]],
  ["set", (key) => ["SMEMBERS", key]],
  ["zset", (key) => ["ZRANGE", key, "0", "-1"]],
  ["hash", (key) => ["HGETALL", key]],
  ["stream", (key) => ["XRANGE", key, "-", "+"]],
]);

/** Null for a key that is gone. */
async function readValue(redis: Redis, key: Buffer): Promise<unknown> {
  const [command, ...args] = READERS.get(await redis.type(key))?.(key) ?? ["DUMP", key];
  return redis.callBuffer(command, ...args);
}

/** Replies are bytes, or lists of replies. */
function flatten(reply: unknown): Buffer[] {
  if (Buffer.isBuffer(reply)) return [reply, Buffer.from("\n")];
  return Array.isArray(reply) ? reply.flatMap(flatten) : [];
}
