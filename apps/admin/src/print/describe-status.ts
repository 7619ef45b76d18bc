import type { ConnectionState } from "@evergrant/core";
import type { AppReport, StatusReport } from "@evergrant/store";
import type { Printer } from "./printer.ts";
import { table } from "./table.ts";
import { when } from "./when.ts";

const LINES_SHOWN = 5;

/** The fleet for people: a table of apps, the last hour, and who must act. */
export function describeStatus(report: StatusReport, colors: Printer["colors"]): string {
  if (report.apps.length === 0)
    return "No apps yet. Add one with: evergrant app add <id> --provider xero --client-id <client id>";
  return [
    appsTable(report.apps),
    openBreakers(report.apps, colors),
    lastHour(report),
    toReauthorize(report, colors),
    failures(report, colors),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function appsTable(apps: readonly AppReport[]): string {
  const titles = ["APP", "PROVIDER", "ACTIVE", "NEEDS REAUTH", "STALE", "OVERDUE", "IN FLIGHT", "BREAKER"];
  const rows = apps.map((app) => [
    app.appId,
    app.provider,
    inState(app, "active"),
    inState(app, "needs_reauth"),
    app.stale,
    app.overdue,
    app.openIntents,
    app.breaker.reason === null ? app.breaker.state : `${app.breaker.state}: ${app.breaker.reason}`,
  ]);
  return table(titles, rows);
}

function openBreakers(apps: readonly AppReport[], colors: Printer["colors"]): string {
  const held = apps.filter(({ breaker }) => breaker.state !== "closed").map(({ appId }) => appId);
  if (held.length === 0) return "";
  const verb = held.length === 1 ? "is" : "are";
  return colors.red(`${held.join(", ")} ${verb} not refreshed; why, and what to do: evergrant breaker list`);
}

function inState({ connections }: AppReport, state: ConnectionState): number {
  return connections.reduce((sum, group) => sum + (group.state === state ? group.connections : 0), 0);
}

function lastHour({ activity }: StatusReport): string {
  const active = activity.filter((entry) => entry.lastHour > 0);
  if (active.length === 0) return "No refreshes in the last hour.";
  const rows = active.map((entry) => [entry.appId, entry.outcome, entry.lastHour, lateness(entry)]);
  return `Last hour\n${table(["APP", "OUTCOME", "REFRESHES", "LATE ON AVERAGE"], rows)}`;
}

function lateness({ latenessMsSum, lastHour }: StatusReport["activity"][number]): string {
  return `${(latenessMsSum / lastHour / 1_000).toFixed(1)} s`;
}

function toReauthorize({ toReauthorize, asOf }: StatusReport, colors: Printer["colors"]): string {
  if (toReauthorize.length === 0) return "";
  const lines = toReauthorize.slice(0, LINES_SHOWN).map((connection) => {
    const who = connection.customer === null ? "" : `, customer ${connection.customer}`;
    return `  ${connection.connectionId} (${connection.appId}${who}): ${connection.cause ?? "unexplained"}, ${when(connection.since.getTime(), asOf.getTime())}`;
  });
  return [
    colors.red("Must connect again, newest first"),
    ...lines,
    ...moreOf(toReauthorize.length, "connection list --state needs_reauth"),
  ].join("\n");
}

function failures({ failures, asOf }: StatusReport, colors: Printer["colors"]): string {
  if (failures.length === 0) return "";
  const lines = failures.slice(0, LINES_SHOWN).map((failure) => {
    const status = failure.status === null ? "" : `, HTTP ${failure.status}`;
    const said = failure.description === null ? "" : `, "${failure.description}"`;
    return `  ${failure.connectionId} (${failure.appId}): ${failure.outcome} ${failure.reason ?? ""}${status}${said}, ${when(failure.at.getTime(), asOf.getTime())}`;
  });
  return [colors.yellow("Latest failed refreshes"), ...lines].join("\n");
}

function moreOf(total: number, command: string): string[] {
  return total > LINES_SHOWN ? [`  more with: evergrant ${command}`] : [];
}
