import { count } from "../format.ts";
import type { AppStatus, FleetStatus } from "../status/status.ts";
import { faultCount, foreign, moment, quietCount, quietDuration, rate } from "./cells.ts";
import { type Html, html } from "./html.ts";
import { type Column, table } from "./table.ts";

/** What each OAuth app's connections, refreshes and machinery look like, one row an app. */
export function appTables({ apps, asOf }: FleetStatus): Html {
  return html`<section><h2>Connections</h2>${table("connections", "Connections by app", CONNECTIONS, apps)}</section>
<section><h2>Refreshes</h2>${table("refreshes", "Refreshes by app", REFRESHES, apps)}</section>
<section><h2>Machinery</h2>${table("machinery", "Breaker, queue and scheduler by app", machinery(asOf), apps)}</section>`;
}

const APP: Column<AppStatus> = {
  title: "App",
  cell: (app) =>
    html`${foreign(app.appId)} <small>${foreign(app.provider)}${app.environment === "sandbox" ? " sandbox" : ""}</small>`,
};

const CONNECTIONS: readonly Column<AppStatus>[] = [
  APP,
  {
    title: "Fresh",
    about: "Active, access token always valid",
    isNumber: true,
    cell: (app) => quietCount(app.active.fresh),
  },
  {
    title: "Keepalive",
    about: "Active, only the grant is kept alive",
    isNumber: true,
    cell: (app) => quietCount(app.active.keepalive),
  },
  { title: "Off", about: "Active, never refreshed", isNumber: true, cell: (app) => quietCount(app.active.off) },
  {
    title: "Needs reauth",
    about: "The grant is dead; only its customer can bring it back",
    isNumber: true,
    cell: (app) => quietCount(app.needsReauth),
  },
  {
    title: "Stale",
    about: "Mode fresh, access token expired: must be 0",
    isNumber: true,
    cell: (app) => faultCount(app.stale),
  },
  {
    title: "Expiring, 7 d",
    about: "Grants that end within 7 days unless a refresh extends them",
    isNumber: true,
    cell: (app) => quietCount(app.expiring.days7),
  },
  { title: "30 d", about: "The same within 30 days", isNumber: true, cell: (app) => quietCount(app.expiring.days30) },
  { title: "90 d", about: "The same within 90 days", isNumber: true, cell: (app) => quietCount(app.expiring.days90) },
  {
    title: "For good, 90 d",
    about: "Grants that end within 90 days whatever is refreshed",
    isNumber: true,
    cell: (app) => quietCount(app.ending.days90),
  },
];

const REFRESHES: readonly Column<AppStatus>[] = [
  APP,
  {
    title: "invalid_grant, 1 h",
    about: "Share of the last hour's refreshes that were refused",
    isNumber: true,
    cell: ({ lastHour }) => rate(lastHour.invalidGrants, lastHour.refreshes),
  },
  {
    title: "invalid_grant, 24 h",
    about: "Share of the last day's refreshes that were refused",
    isNumber: true,
    cell: ({ lastDay }) => rate(lastDay.invalidGrants, lastDay.refreshes),
  },
  {
    title: "Other failures, 1 h",
    about: "misconfigured, throttled, unavailable or ambiguous",
    isNumber: true,
    cell: otherFailures,
  },
  {
    title: "Late, mean",
    about: "From due to begun, mean of the last hour",
    isNumber: true,
    cell: ({ lastHour }) => quietDuration(lastHour.latenessMsMean),
  },
  {
    title: "Late, max",
    about: "From due to begun, longest of the last hour",
    isNumber: true,
    cell: ({ lastHour }) => quietDuration(lastHour.latenessMsMax),
  },
  { title: "Overdue", about: "Past their due time now", isNumber: true, cell: (app) => quietCount(app.overdue) },
  {
    title: "Oldest",
    about: "How late the one due longest is now",
    isNumber: true,
    cell: (app) => quietDuration(app.oldestDueAgeMs),
  },
];

const machinery = (asOf: Date): readonly Column<AppStatus>[] => [
  APP,
  {
    title: "Breaker",
    about: "Why it is open, and since when",
    cell: (app) => breaker(app, asOf),
  },
  {
    title: "Queue waiting",
    isNumber: true,
    cell: ({ queue }) => (queue === null ? "away" : quietCount(queue.waiting)),
  },
  { title: "Queue active", isNumber: true, cell: ({ queue }) => (queue === null ? "away" : quietCount(queue.active)) },
  {
    title: "In flight",
    about: "Claimed and not settled yet",
    isNumber: true,
    cell: (app) => quietCount(app.openIntents),
  },
  {
    title: "Abandoned",
    about: "Lease ended before it was settled",
    isNumber: true,
    cell: (app) => quietCount(app.abandonedIntents),
  },
  {
    title: "Candidates",
    about: "Token sets kept for recovery",
    isNumber: true,
    cell: (app) => quietCount(app.candidates),
  },
  {
    title: "Last scan",
    about: "Since a scheduler last looked for due connections",
    isNumber: true,
    cell: (app) => html`${quietDuration(app.scanLagMs)}`,
  },
];

function otherFailures({ lastHour, lastHourOutcomes }: AppStatus): Html {
  const others = Object.entries(lastHourOutcomes).filter(
    ([outcome]) => !["rotated", "renewed", "rejected"].includes(outcome),
  );
  const failures = others.reduce((total, [, refreshes]) => total + refreshes, 0);
  if (failures === 0 || lastHour.refreshes === 0) return quietCount(failures);
  const words = others.map(([outcome, refreshes]) => `${count(refreshes)} ${outcome}`).join(", ");
  return html`${count(failures)} <small>${words}</small>`;
}

function breaker({ breaker: { state, reason, changedAt } }: AppStatus, asOf: Date): Html {
  if (state === "closed") return html`<span class="quiet">closed</span>`;
  return html`<strong class="trouble">${state.replace("_", " ")}</strong>${
    reason === null ? null : html` <small>${foreign(reason)}</small>`
  }${changedAt === null ? null : html` ${moment(changedAt, asOf)}`}`;
}
