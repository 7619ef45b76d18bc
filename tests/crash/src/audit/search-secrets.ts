import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type CanarySearch, findCanaries, type PageToRead } from "@evergrant/testkit";
import type { Slot } from "../world/slot.ts";
import type { World } from "../world/world.ts";

/**
 * Looks for every token, client secret and key of the campaign wherever none may be: the logs of all processes, what
 * they answer, what is in the rows, in Redis and in the escrow, and the arguments of the processes. The fleet is up.
 */
export function searchSecrets(world: World): Promise<CanarySearch> {
  const { canaries, folder, fleet, redis, postgres, escrowDir } = world;
  const slots = [...fleet.workers, ...fleet.schedulers, fleet.metrics];
  return findCanaries(Object.values(canaries), {
    texts: { ...filesIn(folder, ".log"), ...filesIn(folder, ".jsonl"), ...filesIn(escrowDir, "") },
    pages: slots.flatMap(pagesOf),
    redisUrls: redis === null ? [] : [redis.server.url],
    databaseUrls: [postgres.url],
    processes: slots.flatMap(({ name, room, process }) =>
      process === null ? [] : [{ name, pid: process.pid, mayHold: room === "worker" ? [canaries.keyRing.name] : [] }],
    ),
  });
}

function filesIn(folder: string, ending: string): Record<string, string> {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(ending)) : [];
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), "latin1")]));
}

function pagesOf({ room, url }: Slot): PageToRead[] {
  if (url === null) return [];
  const paths = ["/metrics", "/healthz", "/readyz", ...(room === "metrics" ? ["/", "/fragment", "/status.json"] : [])];
  return paths.map((path) => ({ url: url + path }));
}
