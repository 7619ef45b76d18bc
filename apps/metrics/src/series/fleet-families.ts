import { CONNECTION_STATES, OUTCOME_KINDS, REFRESH_MODES, REJECTION_CAUSES } from "@evergrant/core";
import type { AppReport } from "@evergrant/store";
import type { Family, Sample, Scrape } from "./family.ts";

const BREAKER_STATES = ["closed", "open", "half_open"] as const;
const APP = ["provider", "app"] as const;

/**
 * The series that only this process serves: sums over rows and tally, right after any restart. `app` is
 * the OAuth app. What can happen is there from the start, as 0, so that a first occurrence is an
 * increase; no label holds a connection's id.
 */
export const fleetFamilies: readonly Family[] = [
  {
    name: "evergrant_fleet_up",
    type: "gauge",
    help: "1 when the fleet could be read from the database, 0 when not: then all series about it are missing.",
    labels: [],
    samples: ({ fleet }) => [{ labels: {}, value: fleet === "away" ? 0 : 1 }],
  },
  {
    name: "evergrant_queue_up",
    type: "gauge",
    help: "1 when the queue answered, 0 when not: then evergrant_queue_jobs is missing.",
    labels: [],
    samples: ({ queue }) => [{ labels: {}, value: queue === "away" ? 0 : 1 }],
  },
  {
    name: "evergrant_escrow_entries",
    type: "gauge",
    help: "Refreshes that wait in the escrow for the database to take them. More than 0 for long: somebody has to look.",
    labels: [],
    samples: ({ escrow }) => (escrow === "away" ? [] : [{ labels: {}, value: escrow.value }]),
  },
  {
    name: "evergrant_refreshes_total",
    type: "counter",
    help: "Refreshes that ended, by what they came to.",
    labels: [...APP, "outcome"],
    samples: perOutcome(({ refreshes }) => refreshes),
  },
  {
    name: "evergrant_refreshes_duration_seconds_total",
    type: "counter",
    help: "Time that refreshes took, added up. Divided by evergrant_refreshes_total: the mean.",
    labels: [...APP, "outcome"],
    samples: perOutcome(({ durationMsSum }) => durationMsSum / 1000),
  },
  {
    name: "evergrant_refreshes_lateness_seconds_total",
    type: "counter",
    help: "Time from when refreshes were due to when they began, added up. Divided by evergrant_refreshes_total: the mean.",
    labels: [...APP, "outcome"],
    samples: perOutcome(({ latenessMsSum }) => latenessMsSum / 1000),
  },
  {
    name: "evergrant_invalid_grants_total",
    type: "counter",
    help: "Answers that refused a grant, by the cause that the row could tell.",
    labels: [...APP, "cause"],
    samples: perApp((app) => {
      const rejected = app.outcomes.filter(({ outcome }) => outcome === "rejected");
      const sums = sumBy(
        rejected,
        ({ cause }) => cause || "unexplained",
        ({ refreshes }) => refreshes,
      );
      return preset("cause", REJECTION_CAUSES, sums);
    }),
  },
  {
    name: "evergrant_connections",
    type: "gauge",
    help: "Connections by state and mode.",
    labels: [...APP, "state", "mode"],
    samples: perApp((app) =>
      CONNECTION_STATES.flatMap((state) =>
        REFRESH_MODES.map((mode) => ({
          labels: { state, mode },
          value: app.connections.find((count) => count.state === state && count.mode === mode)?.connections ?? 0,
        })),
      ),
    ),
  },
  gauge(
    "evergrant_connections_stale",
    "Active connections in mode fresh whose access token has expired. Must be 0.",
    (app) => app.stale,
  ),
  gauge("evergrant_overdue_connections", "Active connections that are past their due time now.", (app) => app.overdue),
  gauge(
    "evergrant_oldest_due_age_seconds",
    "How late the connection due longest is now; 0 when none is due.",
    (app) => app.oldestDueAgeMs / 1000,
  ),
  {
    name: "evergrant_grants_expiring",
    type: "gauge",
    help: "Active connections whose grant ends within so many days unless a refresh extends it.",
    labels: [...APP, "within"],
    samples: perApp((app) => windows(app.expiring)),
  },
  {
    name: "evergrant_grants_ending",
    type: "gauge",
    help: "Active connections whose grant ends within so many days whatever is refreshed: the customer must authorize again.",
    labels: [...APP, "within"],
    samples: perApp((app) => windows(app.ending)),
  },
  gauge(
    "evergrant_open_intents",
    "Refreshes that were claimed and have not been settled yet.",
    (app) => app.openIntents,
  ),
  gauge(
    "evergrant_abandoned_intents",
    "Refreshes whose lease ended before they were settled: their outcome is unknown until they are claimed again.",
    (app) => app.abandonedIntents,
  ),
  gauge(
    "evergrant_oldest_intent_age_seconds",
    "How long ago the refresh unsettled longest was first claimed; 0 when there is none.",
    (app) => app.oldestIntentAgeMs / 1000,
  ),
  gauge(
    "evergrant_candidates",
    "Token sets that were received but not stored as current, kept for recovery.",
    (app) => app.candidates,
  ),
  {
    name: "evergrant_breaker_state",
    type: "gauge",
    help: "1 for the state that the app's breaker is in, 0 for the others.",
    labels: [...APP, "state"],
    samples: perApp((app) =>
      BREAKER_STATES.map((state) => ({ labels: { state }, value: app.breaker.state === state ? 1 : 0 })),
    ),
  },
  gauge(
    "evergrant_scheduler_scan_lag_seconds",
    "Since a scheduler last looked for due connections of the app; since the app was registered when none ever did.",
    (app) => app.scanLagMs / 1000,
  ),
  {
    name: "evergrant_queue_jobs",
    type: "gauge",
    help: "Jobs in the app's queue: waiting, or active in a worker.",
    labels: [...APP, "state"],
    samples: (scrape) => {
      const { queue } = scrape;
      if (queue === "away") return [];
      return perApp((app) => {
        const depth = queue.value.get(app.appId);
        if (depth === undefined) return [];
        return [
          { labels: { state: "waiting" }, value: depth.waiting },
          { labels: { state: "active" }, value: depth.active },
        ];
      })(scrape);
    },
  },
];

function gauge(name: string, help: string, read: (app: AppReport) => number): Family {
  return { name, type: "gauge", help, labels: APP, samples: perApp((app) => [{ labels: {}, value: read(app) }]) };
}

function perApp(read: (app: AppReport) => readonly Sample[]): (scrape: Scrape) => Sample[] {
  return ({ fleet }) => {
    if (fleet === "away") return [];
    return fleet.value.apps.flatMap((app) =>
      read(app).map(({ labels, value }) => ({ labels: { provider: app.provider, app: app.appId, ...labels }, value })),
    );
  };
}

function perOutcome(read: (total: AppReport["outcomes"][number]) => number): (scrape: Scrape) => Sample[] {
  return perApp((app) =>
    preset(
      "outcome",
      OUTCOME_KINDS,
      sumBy(app.outcomes, ({ outcome }) => outcome, read),
    ),
  );
}

function windows({ days7, days30, days90 }: AppReport["expiring"]): Sample[] {
  return [
    { labels: { within: "7d" }, value: days7 },
    { labels: { within: "30d" }, value: days30 },
    { labels: { within: "90d" }, value: days90 },
  ];
}

function sumBy<Row>(rows: readonly Row[], key: (row: Row) => string, read: (row: Row) => number): Map<string, number> {
  const sums = new Map<string, number>();
  for (const row of rows) sums.set(key(row), (sums.get(key(row)) ?? 0) + read(row));
  return sums;
}

/** Every known value of the label, then those that only a newer version's rows know. */
function preset(label: string, known: readonly string[], sums: ReadonlyMap<string, number>): Sample[] {
  const values = new Set([...known, ...sums.keys()]);
  return [...values].map((value) => ({ labels: { [label]: value }, value: sums.get(value) ?? 0 }));
}
