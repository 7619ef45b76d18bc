import { Redis } from "ioredis";
import { findRedisServer, startRedisServer } from "../redis/redis-server.ts";
import { installPackage } from "./install-package.ts";

const answerTimeoutMs = 5_000;

/** What would make the suites run that need Redis. */
export const redisRemedy =
  "Set REDIS_URL to a server that may be emptied, or put redis-server or valkey-server on PATH (Debian: apt-get install redis-server), then run again.";

export interface RedisSearch {
  /** A server of the user's own; nothing else is tried when it is set. */
  redisUrl: string | undefined;
  /** Takes one line for the terminal. */
  say(line: string): void;
}

export interface FoundRedis {
  url: string;
  stop(): Promise<void>;
}

/**
 * Finds Redis for a run of the tests: the one named, else a server program on PATH, else one
 * installed with apt-get where that is one step away (Debian or Ubuntu, as root).
 * Resolves with undefined when there is none to be had; throws when the one named does not answer.
 */
export async function findRedis(search: RedisSearch): Promise<FoundRedis | undefined> {
  if (search.redisUrl) {
    await answers(search.redisUrl);
    return { url: search.redisUrl, stop: async () => {} };
  }
  if (
    !(await findRedisServer()) &&
    !(await installPackage("redis-server", "the suites for the Redis backend", search.say))
  )
    return undefined;
  return startRedisServer();
}

async function answers(url: string): Promise<void> {
  const client = new Redis(url, { lazyConnect: true, connectTimeout: answerTimeoutMs, retryStrategy: () => null });
  client.on("error", () => {});
  try {
    await client.connect();
    await client.ping();
  } catch {
    // Never the address itself: it may hold a password.
    throw new Error("REDIS_URL is set, but no Redis answers there: start it, or unset REDIS_URL.");
  } finally {
    client.disconnect();
  }
}
