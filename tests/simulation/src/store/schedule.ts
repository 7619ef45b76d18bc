import type { AppSchedule, DueConnection, DuePosition, readDue as readDueInDatabase } from "@evergrant/store";
import type { Tables } from "./tables.ts";

type Query = Parameters<typeof readDueInDatabase>[1];

/** As `readDue` of the real store: longest due first, the same due time by id. */
export function readDue(tables: Tables, { appId, after, limit }: Query): DueConnection[] {
  const rows = tables.apps.get(appId)?.due.read(tables.now(), after, limit) ?? [];
  return rows.map(({ id, dueAt, mode, accessTokenExpiresAt, grantExpiresAt }) => ({
    connectionId: id,
    dueAt: dueAt ?? 0,
    mode,
    accessTokenExpiresAt,
    grantExpiresAt,
  }));
}

/** As `readAppSchedules` of the real store. */
export function readAppSchedules(tables: Tables): AppSchedule[] {
  return [...tables.apps.values()].map(({ id, breakerState, cursor, sweptAt }) => ({
    appId: id,
    breakerClosed: breakerState === "closed",
    maxConcurrent: null,
    maxPerSecond: null,
    cursor,
    sweptAt,
    now: tables.now(),
  }));
}

/** As `saveCursor` of the real store. */
export function saveCursor(
  tables: Tables,
  entry: { readonly appId: string; readonly cursor: DuePosition | null; readonly swept: boolean },
): void {
  const app = tables.apps.get(entry.appId);
  if (app === undefined) return;
  app.cursor = entry.cursor;
  // The first entry of an app is a sweep whatever it says, as the database's insert makes it.
  if (entry.swept || app.sweptAt === null) app.sweptAt = tables.now();
}
