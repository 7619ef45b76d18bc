import { type BreakerPolicy, type BreakerReason, reasonsDisproved } from "@evergrant/core";
import type * as store from "@evergrant/store";
import { type AppRow, type ConnectionRow, strike, type Tables } from "./tables.ts";

type Opening = Parameters<typeof store.openBreaker>[1];
type Closing = Parameters<typeof store.closeBreaker>[1];
type ProbeEnd = Parameters<typeof store.endProbe>[1];
type FoundBreaker = Awaited<ReturnType<typeof store.closeBreaker>>;

/** As `openBreaker` of the real store. */
export function openBreaker(tables: Tables, { appId, reason, evidence, evidenceFrom, probeMs }: Opening): boolean {
  const app = tables.apps.get(appId);
  if (app === undefined || app.breakerState !== "closed") return false;
  if (app.breakerChangedAt !== null && app.breakerChangedAt > evidenceFrom) return false;
  app.breakerState = "open";
  app.breakerReason = reason;
  app.breakerChangedAt = tables.now();
  app.breakerProbeAt = tables.now() + probeMs;
  app.breakerProbeId = null;
  tables.onJournal({ appId, connectionId: null, kind: "breaker_opened", detail: { reason, ...evidence } });
  tables.onOutbox({ kind: "app.breaker_opened", appId, connectionId: null });
  return true;
}

/** As `closeBreaker` of the real store. */
export function closeBreaker(tables: Tables, { appId, by }: Closing): FoundBreaker {
  const app = tables.apps.get(appId);
  if (app === undefined) return null;
  return close(tables, app, by, by !== "accepted" || app.breakerReason === "rejections");
}

/** As `endProbe` of the real store. */
export function endProbe(tables: Tables, { appId, connectionId, outcome, claimedAt }: ProbeEnd): boolean {
  const app = tables.apps.get(appId);
  if (app === undefined) return false;
  const disproved = reasonsDisproved(outcome);
  if (disproved.length > 0) {
    const isSince = app.breakerChangedAt === null || app.breakerChangedAt <= claimedAt;
    const closes = isSince && disproved.includes(app.breakerReason ?? "misconfigured");
    if (close(tables, app, "probe", closes).closed) return true;
  }
  if (app.breakerState === "half_open" && app.breakerProbeId === connectionId) {
    app.breakerState = "open";
    app.breakerProbeId = null;
  }
  return false;
}

function close(tables: Tables, app: AppRow, by: store.ClosedBy, mayClose: boolean): NonNullable<FoundBreaker> {
  const found = { state: app.breakerState, reason: app.breakerReason };
  const closes = app.breakerState !== "closed" && mayClose;
  if (!closes) return { ...found, closed: false, broughtForward: 0 };
  const now = tables.now();
  const putOff = app.connections.filter((row) => isPutOff(row, app.breakerReason));
  const broughtForward = putOff.filter(({ dueAt }) => (dueAt ?? 0) > now).length;
  for (const row of putOff) {
    if (row.dueAt !== null) app.due.set(row, Math.min(row.dueAt, now));
    if (app.breakerReason !== "rejections" || by === "accepted") continue;
    row.strikes = 0;
    strike(row, null);
    for (const candidate of row.candidates) candidate.refusedAt = null;
  }
  const detail = { by, reason: app.breakerReason, openForMs: now - (app.breakerChangedAt ?? now) };
  app.breakerState = "closed";
  app.breakerReason = null;
  app.breakerChangedAt = now;
  app.breakerProbeAt = null;
  app.breakerProbeId = null;
  if (by === "accepted") app.breakerAcceptedAt = now;
  tables.onJournal({ appId: app.id, connectionId: null, kind: "breaker_closed", detail });
  tables.onOutbox({ kind: "app.breaker_closed", appId: app.id, connectionId: null });
  return { ...found, closed: true, broughtForward };
}

function isPutOff(row: ConnectionRow, reason: BreakerReason | null): boolean {
  return row.state === "active" && (reason === "rejections" ? isInDoubt(row) : row.lastOutcome === "misconfigured");
}

/** Whether a refusal may be our mistake: an operator's acceptance settles it for those that were refused by then. */
export function isInDoubt({ firstStrikeAt, app }: ConnectionRow): boolean {
  return firstStrikeAt !== null && (app.breakerAcceptedAt === null || firstStrikeAt > app.breakerAcceptedAt);
}

/** Whether it has got no token set since an operator accepted, not long ago, that customers leave. */
export function isExpected(
  row: ConnectionRow,
  { acceptedForMs }: Pick<BreakerPolicy, "acceptedForMs">,
  now: number,
): boolean {
  const { breakerAcceptedAt } = row.app;
  if (breakerAcceptedAt === null || breakerAcceptedAt <= now - acceptedForMs) return false;
  return Math.max(row.createdAt, row.lastRefreshedAt ?? 0, row.tokensStoredAt) <= breakerAcceptedAt;
}

export function isScheduled({ state, dueAt }: ConnectionRow): boolean {
  return state === "active" && dueAt !== null;
}
