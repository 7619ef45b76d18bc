import type { RefreshMode } from "@evergrant/core";
import type { Store } from "../client.ts";

/** Where a scan of due connections stands: everything up to here has been offered. */
export interface DuePosition {
  readonly dueAt: number;
  readonly connectionId: string;
}

/** A due connection, as much of it as its urgency needs. Times are epoch ms. */
export interface DueConnection extends DuePosition {
  readonly mode: RefreshMode;
  readonly accessTokenExpiresAt: number | null;
  readonly grantExpiresAt: number | null;
}

/**
 * Reads an app's due connections after a position, longest due first. Cost follows what is returned:
 * one range of one index (`now()` and not `clock_timestamp()`, which no index can bound).
 */
export async function readDue(
  { prisma }: Pick<Store, "prisma">,
  { appId, after, limit }: { readonly appId: string; readonly after: DuePosition | null; readonly limit: number },
): Promise<DueConnection[]> {
  const from = new Date(after?.dueAt ?? 0);
  const fromId = after?.connectionId ?? "";
  const rows = await prisma.$queryRaw<DueRow[]>`
    SELECT id, due_at, mode::text, access_token_expires_at, grant_expires_at
    FROM connection
    WHERE app_id = ${appId} AND due_at <= now() AND (due_at, id) > (${from}::timestamptz, ${fromId})
    ORDER BY due_at, id
    LIMIT ${limit}`;
  return rows.map((row) => ({
    connectionId: row.id,
    dueAt: row.due_at.getTime(),
    mode: row.mode,
    accessTokenExpiresAt: toEpochMs(row.access_token_expires_at),
    grantExpiresAt: toEpochMs(row.grant_expires_at),
  }));
}

/** Null also for a time that no clock has, as somebody's statement may have written it: PostgreSQL knows infinity. */
function toEpochMs(at: Date | null): number | null {
  const epochMs = at?.getTime() ?? Number.NaN;
  return Number.isFinite(epochMs) ? epochMs : null;
}

interface DueRow {
  readonly id: string;
  readonly due_at: Date;
  readonly mode: RefreshMode;
  readonly access_token_expires_at: Date | null;
  readonly grant_expires_at: Date | null;
}
