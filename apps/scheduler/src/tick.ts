import { urgency } from "@evergrant/core";
import type { AppSchedule, DueConnection, DuePosition } from "@evergrant/store";

/** Rows read and offered at a time. */
const PAGE = 500;
/**
 * The cursor stays this far behind the clock: a row that was made due "now" is seen although the
 * transaction that wrote it ended a little later.
 */
const OVERLAP_MS = 2_000;

export interface TickParts {
  readonly readAppSchedules: () => Promise<readonly AppSchedule[]>;
  readonly readDue: (query: {
    readonly appId: string;
    readonly after: DuePosition | null;
    readonly limit: number;
  }) => Promise<readonly DueConnection[]>;
  readonly saveCursor: (entry: {
    readonly appId: string;
    readonly cursor: DuePosition | null;
    readonly swept: boolean;
  }) => Promise<void>;
  readonly waiting: (appId: string) => Promise<number>;
  readonly offer: (
    appId: string,
    hints: readonly { readonly connectionId: string; readonly priority: number }[],
  ) => Promise<void>;
  /** Tells the connection that an app whose breaker is not closed may try now; null when none. */
  readonly probe: (appId: string) => Promise<string | null>;
  /** Puts one connection before all offered ones. */
  readonly urge: (appId: string, connectionId: string) => Promise<unknown>;
  readonly onError: (appId: string, error: unknown) => void;
}

export interface TickLimits {
  /** Jobs that may wait in one app's queue. */
  readonly depth: number;
  /** How often the scan begins again with the earliest due connection. */
  readonly sweepMs: number;
}

/**
 * Who is due? Offers each app's due connections to its queue, longest due first and no more than the
 * workers will eat soon. What is offered twice waits once; what was offered and lost (a queue that was
 * emptied) is found again by the sweep. Cost follows what is due.
 *
 * Of an app whose breaker is not closed only the probe is offered. What waits in its queue already is not
 * taken out and the queue not paused: workers may claim nothing but the probe, which has to get through.
 *
 * One app's failure does not keep the others waiting. After a crash in between, the cursor is behind
 * what was offered, which costs some offers twice.
 *
 * @returns how many connections were offered
 */
export async function tick(parts: TickParts, limits: TickLimits): Promise<number> {
  const apps = await parts.readAppSchedules();
  const offered = await Promise.all(
    apps.map((app) =>
      offerDue(app, parts, limits).catch((error: unknown) => {
        parts.onError(app.appId, error);
        return 0;
      }),
    ),
  );
  return offered.reduce((sum, count) => sum + count, 0);
}

async function offerDue(app: AppSchedule, parts: TickParts, limits: TickLimits): Promise<number> {
  const { appId } = app;
  const swept = app.sweptAt === null || app.now - app.sweptAt >= limits.sweepMs;
  let cursor = swept ? null : app.cursor;
  if (!app.breakerClosed) {
    const probe = await parts.probe(appId);
    if (probe !== null) await parts.urge(appId, probe);
    await parts.saveCursor({ appId, cursor: null, swept });
    return probe === null ? 0 : 1;
  }
  const room = Math.max(0, limits.depth - (await parts.waiting(appId)));
  let offered = 0;
  while (offered < room) {
    const limit = Math.min(PAGE, room - offered);
    const due = await parts.readDue({ appId, after: cursor, limit });
    if (due.length > 0) {
      await parts.offer(
        appId,
        due.map((row) => ({ connectionId: row.connectionId, priority: urgency(row, app.now) })),
      );
    }
    cursor = due.at(-1) ?? cursor;
    offered += due.length;
    if (due.length < limit) break;
  }
  await parts.saveCursor({ appId, cursor: behind(cursor, app.now - OVERLAP_MS), swept });
  return offered;
}

function behind(cursor: DuePosition | null, latest: number): DuePosition | null {
  return cursor === null || cursor.dueAt <= latest ? cursor : { dueAt: latest, connectionId: "" };
}
