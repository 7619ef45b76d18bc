import type { QueueDepth } from "@evergrant/queue";
import { type FleetReport, readFleetReport, readStatusReport, type StatusReport } from "@evergrant/store";
import { cachedRead, type Reading } from "./cached-read.ts";

/** Below the 10 s that Prometheus gives a scrape by default, database and queue together. */
const WAIT_MS = 4_000;
const READ_TIMEOUT_MS = 15_000;
const GIVE_UP_MS = 20_000;

/** Waiting and running jobs by OAuth app. */
export type QueueDepths = ReadonlyMap<string, QueueDepth>;

export interface Readings {
  /** What `/metrics` needs. */
  fleet(): Promise<{
    readonly fleet: Reading<FleetReport>;
    readonly queue: Reading<QueueDepths>;
    readonly escrow: Reading<number>;
  }>;
  /** What the status page needs. */
  status(): Promise<{
    readonly status: Reading<StatusReport>;
    readonly queue: Reading<QueueDepths>;
    readonly escrow: Reading<number>;
  }>;
}

export interface ReadingsOptions {
  readonly store: Parameters<typeof readFleetReport>[0];
  readonly queues: { depth(appId: string): Promise<QueueDepth> };
  readonly escrow: { count(): Promise<number> };
  /** @throws when the queue's backend is away */
  readonly pingQueue: () => Promise<void>;
  /** Told once when one of them goes, and once (with null) when it is back. */
  readonly onChange: (what: "database" | "queue" | "escrow", error: Error | null) => void;
  readonly waitMs?: number;
}

/**
 * Everything that this process reads, cached: a hundred scrapers and readers of the page cost what one
 * costs. None of them can make an answer wait for longer than `waitMs`, all together no longer than three times that.
 */
export function createReadings(options: ReadingsOptions): Readings {
  const { store, queues, escrow, pingQueue, onChange, waitMs = WAIT_MS } = options;
  const bounds = { waitMs, giveUpMs: GIVE_UP_MS };
  const database = { ...bounds, onChange: onceEach((error) => onChange("database", error)) };
  const timeout = { timeoutMs: READ_TIMEOUT_MS };
  // The queue is asked about these also while the database is away.
  let appIds: readonly string[] = [];

  const readFleet = cachedRead({ ...database, read: () => readFleetReport(store, timeout).then(remember) });
  const readStatus = cachedRead({ ...database, read: () => readStatusReport(store, timeout).then(remember) });
  const readQueue = cachedRead({
    ...bounds,
    read: readDepths,
    onChange: (error) => onChange("queue", error),
  });
  const readEscrow = cachedRead({
    ...bounds,
    read: () => escrow.count(),
    onChange: (error) => onChange("escrow", error),
  });

  return {
    fleet: async () => ({ fleet: await readFleet(), queue: await readQueue(), escrow: await readEscrow() }),
    status: async () => ({ status: await readStatus(), queue: await readQueue(), escrow: await readEscrow() }),
  };

  function remember<Report extends FleetReport>(report: Report): Report {
    appIds = report.apps.map((app) => app.appId);
    return report;
  }

  async function readDepths(): Promise<QueueDepths> {
    if (appIds.length === 0) await pingQueue();
    return new Map(await Promise.all(appIds.map(async (appId) => [appId, await queues.depth(appId)] as const)));
  }
}

/** Two reads of one database tell the same story. */
function onceEach(tell: (error: Error | null) => void): (error: Error | null) => void {
  let wasAway = false;
  return (error) => {
    const isAway = error !== null;
    if (isAway !== wasAway) tell(error);
    wasAway = isAway;
  };
}
