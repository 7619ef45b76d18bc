import type { AppStatus, FleetStatus } from "../src/status/status.ts";

/** An app in which nothing is wrong: 10 connections, 100 refreshes in the last hour. */
export function anApp(changes: Partial<AppStatus> = {}): AppStatus {
  return {
    appId: "xero-prod",
    provider: "xero",
    environment: "production",
    breaker: { state: "closed", reason: null, changedAt: null },
    scanLagMs: 900,
    stale: 0,
    overdue: 1,
    oldestDueAgeMs: 700,
    expiring: { days7: 0, days30: 0, days90: 10 },
    ending: { days7: 0, days30: 0, days90: 0 },
    openIntents: 1,
    abandonedIntents: 0,
    oldestIntentAgeMs: 200,
    candidates: 0,
    active: { fresh: 10, keepalive: 0, off: 0 },
    needsReauth: 0,
    refreshes: { rotated: 1_000 },
    lastHourOutcomes: { rotated: 100 },
    lastHour: { refreshes: 100, invalidGrants: 0, latenessMsMean: 200, latenessMsMax: 900 },
    lastDay: { refreshes: 1_000, invalidGrants: 0 },
    queue: { waiting: 3, active: 2 },
    ...changes,
  };
}

export function aFleet(apps: readonly AppStatus[], changes: Partial<FleetStatus> = {}): FleetStatus {
  const active = apps.reduce((sum, app) => sum + app.active.fresh + app.active.keepalive + app.active.off, 0);
  const needsReauth = apps.reduce((sum, app) => sum + app.needsReauth, 0);
  return {
    asOf: new Date("2026-11-21T10:00:00Z"),
    totals: {
      connections: active + needsReauth,
      active,
      needsReauth,
      stale: 0,
      overdue: 0,
      oldestDueAgeMs: 0,
      openIntents: 0,
      refreshes: 1_000,
      rotated: 1_000,
      invalidGrants: 0,
      lastHour: { refreshes: 100, invalidGrants: 0 },
      lastDay: { refreshes: 1_000, invalidGrants: 0 },
    },
    apps,
    minutes: [],
    toReauthorize: [],
    failures: [],
    ...changes,
  };
}
