import type { TokenVault } from "@evergrant/store/secrets";
import type { CanarySearch, ProviderKind, SimulatorClient } from "@evergrant/testkit";
import type { Random } from "@evergrant/testkit/rules";
import type { Holdings } from "../audit/holdings.ts";
import type { Losses } from "../audit/losses.ts";
import type { RecoveryWatch } from "../audit/recovery-watch.ts";
import type { AppUnderTest } from "./apps.ts";
import type { Canaries } from "./canaries.ts";
import type { Caretaker } from "./caretaker.ts";
import type { Fleet } from "./fleet.ts";
import type { Operator, Population } from "./population.ts";
import type { Postgres } from "./postgres.ts";
import type { Redis } from "./redis.ts";

export type Backend = "redis" | "postgres";

/** Everything that a fault may touch, and what keeps account of it. */
export interface World {
  readonly backend: Backend;
  /** Logs of all processes, and the journal of the faults. */
  readonly folder: string;
  readonly escrowDir: string;
  readonly leaseMs: number;
  readonly canaries: Canaries;
  readonly apps: readonly AppUnderTest[];
  /** The client secret that each app is registered with at its provider. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly tokenUrls: Readonly<Record<ProviderKind, string>>;
  readonly postgres: Postgres;
  readonly redis: Redis | null;
  readonly provider: SimulatorClient;
  readonly fleet: Fleet;
  readonly operator: Operator;
  readonly vault: TokenVault;
  readonly population: Population;
  readonly holdings: Holdings;
  readonly losses: Losses;
  readonly recovery: RecoveryWatch;
  readonly caretaker: Caretaker;
  /** What the fleet should have done by itself and did not, in words. */
  readonly unkept: string[];
  /** For secrets where none may be. */
  readonly searches: CanarySearch[];
  close(): Promise<void>;
}

/** One of the list, by the seed. @throws Error when the list is empty */
export function pick<Item>(list: readonly Item[], random: Random): Item {
  const item = list[Math.floor(random() * list.length)];
  if (item === undefined) throw new Error("There is nothing to choose from.");
  return item;
}

/** One app, by how often each is to be aimed at. */
export function pickApp(apps: readonly AppUnderTest[], random: Random): AppUnderTest {
  let left = random() * apps.reduce((sum, app) => sum + app.aim, 0);
  for (const app of apps) {
    left -= app.aim;
    if (left < 0) return app;
  }
  return pick(apps, random);
}
