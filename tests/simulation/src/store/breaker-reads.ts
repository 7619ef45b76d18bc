import { type BreakerPolicy, type Vouching, vouchersNeeded } from "@evergrant/core";
import type * as store from "@evergrant/store";
import { isExpected, isInDoubt, isScheduled } from "./breaker.ts";
import type { AppRow, ConnectionRow, Tables } from "./tables.ts";

type Shares = Pick<BreakerPolicy, "rejectedShare" | "acceptedShare" | "acceptedForMs">;
type Window = Shares & Pick<BreakerPolicy, "windowMs">;
type Query = Parameters<typeof store.takeProbe>[1];

/** As `readAnswers` of the real store. */
export function readAnswers(tables: Tables, appId: string, { windowMs, ...shares }: Window): store.ReadAnswers | null {
  const app = tables.apps.get(appId);
  if (app === undefined || app.breakerState !== "closed") return null;
  const since = tables.now() - windowMs;
  const refused = countRefused(app, since, shares, tables.now());
  const most = Math.ceil(vouchersNeeded(refused, shares)) + 1;
  return { ...refused, succeeded: countRefreshed(app, since, most), readAt: tables.now() };
}

/** As `readVouching` of the real store. */
export function readVouching(
  tables: Tables,
  { connectionId, secretId }: Parameters<typeof store.readVouching>[1],
  shares: Shares,
): Vouching | null {
  const own = tables.connections.get(connectionId);
  if (own === undefined || !isInDoubt(own)) return null;
  const { app } = own;
  const since = own.firstStrikeAt ?? 0;
  const refused = countRefused(app, since, shares, tables.now());
  const needed = Math.ceil(vouchersNeeded(refused, shares));
  let others = 0;
  for (const row of app.connections) {
    if (others >= needed) break;
    if (row !== own && row.state === "active") others += 1;
  }
  const isSetBack = own.tokensStoredAt < (own.lastRefreshedAt ?? 0);
  return { ...refused, succeeded: countRefreshed(app, since, needed, secretId), others, isSetBack };
}

function countRefused(
  app: AppRow,
  since: number,
  policy: Shares,
  now: number,
): Pick<Vouching, "rejected" | "expected"> {
  const counted = [...app.struck].filter(
    (row) => isInDoubt(row) && ((row.firstStrikeAt ?? 0) > since || isScheduled(row)),
  );
  return { rejected: counted.length, expected: counted.filter((row) => isExpected(row, policy, now)).length };
}

/** Newest first: each connection by its last refresh, those that were refused since left out. */
function countRefreshed(app: AppRow, since: number, most: number, secretId?: bigint | null): number {
  let count = 0;
  for (let index = app.refreshed.length - 1; index >= 0 && count < most; index--) {
    const entry = app.refreshed[index];
    if (entry === undefined || entry.at <= since) break;
    const { lastRefreshNo, lastRefreshedAt, firstStrikeAt } = entry.row;
    if (secretId !== undefined && entry.row.secretId !== secretId) continue;
    // A reconnect begins without a past.
    if (entry.no === lastRefreshNo && lastRefreshedAt !== null && firstStrikeAt === null) count += 1;
  }
  return count;
}

/** As `takeProbe` of the real store. */
export function takeProbe(tables: Tables, { appId, probeMs }: Query): store.Probe {
  const app = tables.apps.get(appId);
  if (app === undefined || app.breakerState === "closed") return { kind: "closed" };
  const now = tables.now();
  if (app.breakerProbeAt !== null && app.breakerProbeAt > now) {
    const underWay = app.breakerState === "half_open" ? app.breakerProbeId : null;
    return underWay === null ? { kind: "wait" } : { kind: "try", connectionId: underWay };
  }
  const isFree = ({ intent }: ConnectionRow) => intent === null || intent.leaseExpiresAt <= now;
  const chosen = choose(app, isFree);
  app.breakerState = chosen === null ? "open" : "half_open";
  app.breakerProbeId = chosen?.id ?? null;
  app.breakerProbeAt = now + probeMs;
  if (chosen === null) return { kind: choose(app, () => true) === null ? "nobody" : "wait" };
  app.due.set(chosen, Math.min(chosen.dueAt ?? now, now));
  return { kind: "try", connectionId: chosen.id };
}

/** After a wave a refused connection, longest left alone; otherwise the first due that ever worked, then any. */
function choose(app: AppRow, isFree: (row: ConnectionRow) => boolean): ConnectionRow | null {
  const scheduled = app.connections.filter((row) => isScheduled(row) && isFree(row));
  if (app.breakerReason === "rejections") {
    return first(scheduled.filter(isInDoubt), ({ lastAttemptAt }) => lastAttemptAt ?? Number.NEGATIVE_INFINITY);
  }
  const due = ({ dueAt }: ConnectionRow) => dueAt ?? 0;
  return (
    first(
      scheduled.filter(({ lastRefreshedAt }) => lastRefreshedAt !== null),
      due,
    ) ?? first(scheduled, due)
  );
}

function first(rows: readonly ConnectionRow[], rank: (row: ConnectionRow) => number): ConnectionRow | null {
  let best: ConnectionRow | null = null;
  for (const row of rows) {
    if (best === null || rank(row) < rank(best) || (rank(row) === rank(best) && row.id < best.id)) best = row;
  }
  return best;
}
