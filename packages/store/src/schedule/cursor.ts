import type { Store } from "../client.ts";
import type { DuePosition } from "./due.ts";

/** An app as the scheduler sees it, with how far its due connections have been offered. Times are epoch ms. */
export interface AppSchedule {
  readonly appId: string;
  readonly breakerClosed: boolean;
  readonly maxConcurrent: number | null;
  readonly maxPerSecond: number | null;
  readonly cursor: DuePosition | null;
  readonly sweptAt: number | null;
  /** The database's clock when this was read. */
  readonly now: number;
}

/** All apps with their cursors. */
export async function readAppSchedules({ prisma }: Pick<Store, "prisma">): Promise<AppSchedule[]> {
  const rows = await prisma.$queryRaw<AppScheduleRow[]>`
    SELECT a.id, a.breaker_state = 'closed' AS breaker_closed, a.max_concurrent, a.max_per_second,
           s.due_at, s.connection_id, s.swept_at, clock_timestamp() AS now
    FROM oauth_app a LEFT JOIN scheduler_cursor s ON s.app_id = a.id
    ORDER BY a.id`;
  return rows.map((row) => ({
    appId: row.id,
    breakerClosed: row.breaker_closed,
    maxConcurrent: row.max_concurrent,
    maxPerSecond: row.max_per_second,
    cursor:
      row.due_at === null || row.connection_id === null
        ? null
        : { dueAt: row.due_at.getTime(), connectionId: row.connection_id },
    sweptAt: row.swept_at?.getTime() ?? null,
    now: row.now.getTime(),
  }));
}

interface AppScheduleRow {
  readonly id: string;
  readonly breaker_closed: boolean;
  readonly max_concurrent: number | null;
  readonly max_per_second: number | null;
  readonly due_at: Date | null;
  readonly connection_id: string | null;
  readonly swept_at: Date | null;
  readonly now: Date;
}

/**
 * Remembers how far an app's scan has come. Two schedulers that write at once cost an offer twice,
 * which deduplication absorbs; the sweep repairs a cursor that is ahead of what was really offered.
 */
export async function saveCursor(
  { prisma }: Pick<Store, "prisma">,
  { appId, cursor, swept }: { readonly appId: string; readonly cursor: DuePosition | null; readonly swept: boolean },
): Promise<void> {
  await prisma.$executeRaw`
    INSERT INTO scheduler_cursor AS s (app_id, due_at, connection_id, swept_at, ticked_at)
    VALUES (${appId}, ${cursor === null ? null : new Date(cursor.dueAt)}::timestamptz, ${cursor?.connectionId ?? null},
            clock_timestamp(), clock_timestamp())
    ON CONFLICT (app_id) DO UPDATE
      SET due_at = excluded.due_at, connection_id = excluded.connection_id, ticked_at = excluded.ticked_at,
          swept_at = CASE WHEN ${swept}::boolean THEN excluded.swept_at ELSE s.swept_at END`;
}
