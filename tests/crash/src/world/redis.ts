import { type RedisServer, startRedisServer } from "@evergrant/testkit";
import { Redis as Client } from "ioredis";

/** The fleet's Redis, without persistence: started again it is empty. */
export interface Redis {
  readonly server: RedisServer;
  /** Straight to the server, past every proxy. @throws Error when it does not answer within seconds */
  command(name: string, ...args: string[]): Promise<unknown>;
  close(): Promise<void>;
}

export async function startRedis(): Promise<Redis> {
  const server = await startRedisServer();
  const client = new Client(server.url, { maxRetriesPerRequest: 20, retryStrategy: () => 100, commandTimeout: 5_000 });
  client.on("error", () => {});
  return {
    server,
    command: (name, ...args) => client.call(name, ...args),
    async close() {
      client.disconnect();
      await server.stop();
    },
  };
}
