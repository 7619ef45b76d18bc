import { Redis } from "ioredis";
import type { EscrowPlace } from "./escrow.ts";

const CONNECT_TIMEOUT_MS = 2_000;
const COMMAND_TIMEOUT_MS = 4_000;
const RECONNECT_PAUSE_MS_MAX = 1_000;
const RETRIES_PER_COMMAND = 1;

/**
 * One hash: intent id to sealed settlement. Without a time limit, so no `volatile-*` policy evicts it. What is awaited
 * is a key each, which ends by Redis's own clock.
 */
export function createRedisEscrow(options: {
  readonly url: string;
  readonly namespace: string;
  readonly onError: (error: Error) => void;
}): EscrowPlace {
  const key = `{${options.namespace}}:escrow`;
  const awaitedKey = (request: string) => `{${options.namespace}}:awaited:${request}`;
  const redis = new Redis(options.url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: RETRIES_PER_COMMAND,
    retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, RECONNECT_PAUSE_MS_MAX),
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  });
  redis.on("error", options.onError);
  return {
    name: "Redis",
    async put(entries) {
      await redis.hset(key, new Map(entries.map(({ id, sealed }) => [id, Buffer.from(sealed)])));
    },
    async readAll() {
      const found = await redis.hgetallBuffer(key);
      return Object.entries(found).map(([id, sealed]) => ({ id, sealed }));
    },
    async remove(ids) {
      await redis.hdel(key, ...ids);
    },
    count: () => redis.hlen(key),
    async markAwaited(requests, forMs) {
      const marks = redis.pipeline();
      for (const request of requests) marks.set(awaitedKey(request), "", "PX", Math.ceil(forMs));
      for (const [error] of (await marks.exec()) ?? []) if (error) throw error;
    },
    async readAwaited(requests) {
      const marks = await redis.mget(requests.map(awaitedKey));
      return requests.filter((_, index) => typeof marks[index] === "string");
    },
    close: async () => redis.disconnect(),
  };
}
