import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findCanaries, type PageToRead, type PlacesToSearch } from "@evergrant/testkit";
import type { Slot } from "../world/slot.ts";
import type { World } from "../world/world.ts";

/**
 * Looks for every token, client secret and key of the campaign wherever none may be: the logs of all processes, what
 * they answer, what is in the rows and in Redis, and the arguments of the processes. The fleet is up.
 */
export async function searchSecrets(world: World): Promise<void> {
  const { canaries, fleet, redis, postgres } = world;
  const slots = [...fleet.workers, ...fleet.schedulers, fleet.metrics];
  await search(world, {
    pages: slots.flatMap(pagesOf),
    redisUrls: redis === null ? [] : [redis.server.url],
    databaseUrls: [postgres.url],
    processes: slots.flatMap(({ name, room, process }) =>
      process === null ? [] : [{ name, pid: process.pid, mayHold: room === "worker" ? [canaries.keyRing.name] : [] }],
    ),
  });
}

/** Looks through what all processes, the servers and the operator's command have written until now. */
export async function searchLogs(world: World): Promise<void> {
  await search(world, { texts: { ...filesIn(world.folder, ".log"), ...filesIn(world.folder, ".jsonl") } });
}

/** Looks through the escrow, at a moment at which something waits in it. */
export async function searchEscrow(world: World): Promise<void> {
  const { redis, escrowDir, holdings } = world;
  if ((await holdings.countEscrow()) === 0) return;
  await search(world, { texts: filesIn(escrowDir, ""), redisUrls: redis === null ? [] : [redis.server.url] });
}

async function search({ canaries, searches }: World, places: PlacesToSearch): Promise<void> {
  searches.push(await findCanaries(Object.values(canaries), places));
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
