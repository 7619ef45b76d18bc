import { count, duration, percent } from "../format.ts";
import type { AppStatus, FleetStatus } from "./status.ts";

/** `unknown`: the database is away. `empty`: nothing to refresh yet. */
export type VerdictLevel = "well" | "attention" | "trouble" | "unknown" | "empty";

/** How the fleet is, in words. */
export interface Verdict {
  readonly level: VerdictLevel;
  /** One line: that all is well, or the worst finding. */
  readonly headline: string;
  /** Everything that is wrong, the worst first, and after it what is merely good to know. */
  readonly findings: readonly Finding[];
}

export interface Finding {
  readonly level: "trouble" | "attention" | "note";
  readonly text: string;
}

type Wrong = Finding & { readonly level: "trouble" | "attention" };

/** A scheduler looks every second; this long without a look, none is running. */
const SCHEDULER_SILENT_MS = 60_000;
/** A healthy fleet begins within seconds; the usual lead before an access token's end is 5 minutes. */
const LATE_MS = 120_000;
const ABANDONED_MS = 120_000;
/** A share of failures says something only when there are so many of them. */
const WAVE_SHARE = 0.2;
const WAVE_REFRESHES = 10;

/** Pure: the same numbers give the same words. `null` when the database is away. */
export function judgeFleet(fleet: FleetStatus | null, isQueueUp: boolean, inEscrow = 0): Verdict {
  const escrow = judgeEscrow(inEscrow);
  if (fleet === null) {
    const text = "The database does not answer, so nothing can be said about the connections.";
    return { level: "unknown", headline: text, findings: escrow };
  }
  const found = [
    ...(isQueueUp ? [] : [QUEUE_AWAY]),
    ...escrow,
    ...JUDGES.flatMap((judge) => judge(fleet.apps, fleet.asOf)),
  ];
  const wrong = [
    ...found.filter(({ level }) => level === "trouble"),
    ...found.filter(({ level }) => level !== "trouble"),
  ];
  const [worst] = wrong;
  if (worst !== undefined) {
    return { level: worst.level, headline: worst.text, findings: [...wrong, ...notesOn(fleet)] };
  }
  if (fleet.totals.connections === 0) {
    const what = fleet.apps.length === 0 ? "OAuth app" : "connection";
    return { level: "empty", headline: `Nothing to refresh yet: no ${what}.`, findings: [] };
  }
  return { level: "well", headline: wellHeadline(fleet), findings: notesOn(fleet) };
}

function wellHeadline({ totals }: FleetStatus): string {
  return `All is well: ${plural(totals.active, "active connection", "active connections")}, no expired access token.`;
}

const QUEUE_AWAY: Wrong = {
  level: "trouble",
  text: "The queue does not answer: until it is back nothing is refreshed, and nothing is lost.",
};

/** What is wrong, the widest reason first. */
const JUDGES: readonly ((apps: readonly AppStatus[], asOf: Date) => Wrong[])[] = [
  judgeScheduler,
  (apps, asOf) => apps.flatMap((app) => judgeBreaker(app, asOf)),
  (apps) => apps.flatMap(judgeStale),
  (apps) => apps.flatMap(judgeFailures),
  (apps) => apps.flatMap(judgeLateness),
  (apps) => apps.flatMap(judgeAbandoned),
];

function judgeEscrow(waiting: number): Wrong[] {
  if (waiting === 0) return [];
  const what = plural(waiting, "refresh waits", "refreshes wait");
  return [
    attention(
      `${what} in the escrow to be written: once the database takes them, within seconds. If not, the workers' logs say why.`,
    ),
  ];
}

function judgeScheduler(apps: readonly AppStatus[]): Wrong[] {
  const wanted = apps.filter(({ active }) => active.fresh + active.keepalive > 0);
  const silent = wanted.filter(({ scanLagMs }) => scanLagMs >= SCHEDULER_SILENT_MS);
  const text = (what: string, lagMs: number) =>
    `No scheduler has looked at ${what} for ${duration(lagMs)}: is one running?`;
  if (silent.length > 1 && silent.length === wanted.length) {
    return [trouble(text("any app", Math.min(...silent.map(({ scanLagMs }) => scanLagMs))))];
  }
  return silent.map(({ appId, scanLagMs }) => trouble(text(appId, scanLagMs)));
}

/** A probe that is under way changes nothing for the connections. */
function judgeBreaker({ appId, breaker: { state, reason, changedAt } }: AppStatus, asOf: Date): Wrong[] {
  if (state === "closed") return [];
  const openFor = changedAt === null ? "" : ` for ${duration(Math.max(0, asOf.getTime() - changedAt.getTime()))}`;
  const why = reason === null ? "" : ` (${reason})`;
  return [trouble(`The breaker of ${appId} is open${openFor}${why}: ${breakerInWords(reason)} evergrant breaker list`)];
}

function breakerInWords(reason: string | null): string {
  switch (reason) {
    case "misconfigured":
      return "the provider refuses the app itself, so nothing of it is refreshed. Check its client id, secret and environment:";
    case "rejections":
      return "too many grants were refused at once to be their customers' doing, so nothing of it is refreshed and none is ended. Mend the cause, or accept it:";
    default:
      return "nothing of it is refreshed. What to do:";
  }
}

function judgeStale({ appId, stale }: AppStatus): Wrong[] {
  if (stale === 0) return [];
  return [
    trouble(
      `${plural(stale, "connection", "connections")} of ${appId} ${stale === 1 ? "holds" : "hold"} an expired access token.`,
    ),
  ];
}

function judgeFailures({ appId, lastHour, lastHourOutcomes }: AppStatus): Wrong[] {
  const { refreshes } = lastHour;
  const of = (...outcomes: readonly string[]) =>
    outcomes.reduce((total, outcome) => total + (lastHourOutcomes[outcome] ?? 0), 0);
  const isWave = (failures: number) => refreshes >= WAVE_REFRESHES && failures / refreshes >= WAVE_SHARE;
  const share = (failures: number) => `${percent(failures, refreshes)} of the last hour's refreshes of ${appId}`;

  const misconfigured = of("misconfigured");
  const rejected = of("rejected");
  const unanswered = of("throttled", "unavailable", "ambiguous");
  return [
    ...(isWave(misconfigured)
      ? [
          trouble(
            `${share(misconfigured)} were refused because of the app: check its client id, secrets and environment.`,
          ),
        ]
      : []),
    ...(isWave(rejected)
      ? [
          trouble(
            `${share(rejected)} were answered with invalid_grant: so many at once are seldom the customers' doing.`,
          ),
        ]
      : []),
    ...(isWave(unanswered) ? [attention(`${share(unanswered)} got no useful answer from the provider.`)] : []),
  ];
}

function judgeLateness({ appId, overdue, oldestDueAgeMs }: AppStatus): Wrong[] {
  if (oldestDueAgeMs < LATE_MS) return [];
  const verb = overdue === 1 ? "waits" : "wait";
  return [
    attention(
      `${plural(overdue, "connection", "connections")} of ${appId} ${verb} for a refresh, one for ${duration(oldestDueAgeMs)}.`,
    ),
  ];
}

function judgeAbandoned({ appId, abandonedIntents, oldestIntentAgeMs }: AppStatus): Wrong[] {
  if (abandonedIntents === 0 || oldestIntentAgeMs < ABANDONED_MS) return [];
  const what = plural(abandonedIntents, "refresh", "refreshes");
  return [
    attention(
      `${what} of ${appId} ended without a known outcome and ${abandonedIntents === 1 ? "waits" : "wait"} to be taken over.`,
    ),
  ];
}

function notesOn({ totals, apps }: FleetStatus): Finding[] {
  const ending = apps.reduce((total, app) => total + app.ending.days7, 0);
  const notes: string[] = [];
  if (totals.needsReauth > 0) {
    const verb = totals.needsReauth === 1 ? "waits" : "wait";
    notes.push(
      `${plural(totals.needsReauth, "connection", "connections")} ${verb} for the customer to authorize again.`,
    );
  }
  if (ending > 0) {
    notes.push(
      `${plural(ending, "grant ends", "grants end")} within 7 days whatever is refreshed: ask for a new authorization.`,
    );
  }
  return notes.map((text) => ({ level: "note", text }));
}

function trouble(text: string): Wrong {
  return { level: "trouble", text };
}

function attention(text: string): Wrong {
  return { level: "attention", text };
}

function plural(number: number, one: string, many: string): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}
