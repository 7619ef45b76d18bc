import { type ConnectionOptions, createRedisBackend } from "bullmq";
import { Redis, type RedisOptions } from "ioredis";
import { type QueueDriver, restAfterFailedFetch } from "./queue-driver.ts";

const CONNECT_TIMEOUT_MS = 2_000;
const COMMAND_TIMEOUT_MS = 4_000;
const RECONNECT_PAUSE_MS_MAX = 1_000;
const KEEP_ALIVE_MS = 10_000;
const RETRIES_PER_COMMAND = 2;

/**
 * Redis or Valkey through ioredis.
 *
 * Two manners: producers share one connection whose commands fail within seconds when Redis is away (a tick that errors is
 * repeated by the next one, a tick that hangs is not); workers wait for Redis as long as it takes.
 */
export function createRedisDriver(url: string, report: (error: Error) => void): QueueDriver {
  const shared = new Redis(url, {
    ...connectOptions(),
    lazyConnect: true,
    maxRetriesPerRequest: RETRIES_PER_COMMAND,
    commandTimeout: COMMAND_TIMEOUT_MS,
  });
  shared.on("error", report);

  return {
    kind: "redis",
    // Waiting for "ready" has no bound, and a version check that fails spoils the queue object for good.
    producer: (name, options) =>
      createRedisBackend(name, {
        ...options,
        connection: connectionOf(shared),
        skipWaitingForReady: true,
        skipVersionCheck: true,
      }),
    openConsumer: () => {
      const client = new ConsumerRedis(url, { ...connectOptions(), maxRetriesPerRequest: null });
      client.on("error", () => {}); // BullMQ reports this connection's errors.
      return {
        factory: (name, options, roles) =>
          restAfterFailedFetch(createRedisBackend(name, { ...options, connection: connectionOf(client) }, roles)),
        close: async () => client.drop(),
        drop: () => client.drop(),
      };
    },
    alone: (_name, work) => work(), // Each command of BullMQ is one script.
    prepare: async () => {},
    ping: async () => {
      await shared.ping();
    },
    close: async () => shared.disconnect(),
  };
}

/** A client that remembers its copies: BullMQ duplicates it for blocking reads and waits for that copy without a bound. */
class ConsumerRedis extends Redis {
  readonly #clients: Pick<Redis, "status" | "once" | "connect" | "disconnect">[] = [this];

  override duplicate<O extends Partial<RedisOptions> | undefined = undefined>(override?: O) {
    const copy = super.duplicate(override);
    copy.on("error", () => {}); // As above; and without any listener ioredis writes to the terminal.
    this.#clients.push(copy);
    return copy;
  }

  /** Ends all clients, and with them whatever waits on them. */
  drop(): void {
    for (const client of this.#clients) {
      if (client.status === "end") continue; // A second disconnect would keep the process up for 2 s.
      client.disconnect();
      if (client.status !== "reconnecting") continue;
      // Between two attempts to reconnect that ended the attempts, but neither the client nor what waits on it. One more will.
      client.once("connect", () => client.disconnect());
      client.connect().catch(() => {});
    }
  }
}

function connectOptions() {
  return {
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepAlive: KEEP_ALIVE_MS,
    // After a failover the old primary still answers, as a replica: the way to the new one is a new connection.
    reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
    retryStrategy: (attempt: number) => Math.min(50 * 2 ** attempt, RECONNECT_PAUSE_MS_MAX),
  } satisfies RedisOptions;
}

/** BullMQ's own, looser words for an ioredis client. */
function connectionOf(client: Redis): ConnectionOptions {
  return client;
}
