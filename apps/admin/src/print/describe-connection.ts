import type { ConnectionDetail } from "@evergrant/store";
import { describeEvent } from "./describe-event.ts";
import type { Printer } from "./printer.ts";
import { moment, when } from "./when.ts";

/** A connection in words: facts as aligned lines, then its events as a timeline. */
export function describeConnection(connection: ConnectionDetail, colors: Printer["colors"], now: number): string {
  const facts = factsOf(connection, now).filter((fact): fact is [string, string] => fact[1] !== null);
  const width = Math.max(...facts.map(([name]) => name.length));
  return [
    colors.bold(connection.id),
    ...facts.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`),
    ...(connection.tenants.length === 0 ? [] : ["Tenants", ...connection.tenants.map(tenantLine)]),
    "Events",
    ...(connection.events.length === 0
      ? ["  none"]
      : connection.events.map((event) => describeEvent(event, colors, now))),
  ].join("\n");
}

function factsOf(connection: ConnectionDetail, now: number): [string, string | null][] {
  const { app, state, strikes, failures } = connection;
  return [
    [
      "app",
      `${app.id} (${app.provider}, ${app.environment}${app.breakerState === "closed" ? "" : `, breaker ${app.breakerState}`})`,
    ],
    ["customer", connection.customer],
    [
      "state",
      `${state}${connection.stateReason === null ? "" : ` (${connection.stateReason})`}, since ${moment(connection.stateChangedAt, now)}`,
    ],
    ["mode", connection.mode],
    ["next refresh", scheduleInWords(connection, now)],
    ["access token", expiryInWords(connection.accessTokenExpiresAt, now)],
    [
      "grant ends",
      connection.grantExpiresAt === null ? null : `${moment(connection.grantExpiresAt, now)} unless refreshed before`,
    ],
    ["grant ends for good", connection.grantHardExpiresAt === null ? null : moment(connection.grantHardExpiresAt, now)],
    ["last refresh", connection.lastRefreshedAt === null ? "none yet" : moment(connection.lastRefreshedAt, now)],
    ["last attempt", lastAttemptInWords(connection, now)],
    ["token set", tokenSetInWords(connection, now)],
    [
      "failed in a row",
      failures === 0 ? null : `${failures}${strikes === 0 ? "" : `, ${strikes} of them invalid_grant on this token`}`,
    ],
    [
      "unknown since",
      connection.unknownSince === null
        ? null
        : `${moment(connection.unknownSince, now)}: an answer was lost, the provider may have rotated the token`,
    ],
    ["in flight", intentInWords(connection, now)],
    [
      "kept aside",
      connection.candidates === 0 ? null : `${connection.candidates} token set(s) that came too late to be current`,
    ],
  ];
}

function scheduleInWords({ app, state, mode, dueAt }: ConnectionDetail, now: number): string {
  if (state === "needs_reauth") return "none: its customer must connect again, then import the new token";
  if (dueAt === null) return mode === "off" ? "none: mode off" : "none";
  if (dueAt > now) return moment(dueAt, now);
  const held = app.breakerState === "closed" ? "" : ", held by its app's breaker: evergrant breaker list";
  return `due ${when(dueAt, now)}${held}`;
}

function expiryInWords(expiresAt: number | null, now: number): string {
  if (expiresAt === null) return "expiry unknown";
  return `${expiresAt > now ? "valid until" : "expired"} ${moment(expiresAt, now)}`;
}

function lastAttemptInWords({ lastOutcome, lastAttemptAt }: ConnectionDetail, now: number): string | null {
  return lastOutcome === null ? null : `${lastOutcome}, ${moment(lastAttemptAt, now)}`;
}

function tokenSetInWords({ generation, storedAt, fingerprint }: ConnectionDetail, now: number): string {
  if (generation === null) return "none";
  return `generation ${generation}, stored ${moment(storedAt, now)}, fingerprint ${fingerprint}…`;
}

function intentInWords({ intent }: ConnectionDetail, now: number): string | null {
  if (intent === null) return null;
  const begun = `claimed by ${intent.holder} ${when(intent.claimedAt, now)}`;
  return intent.leaseExpiresAt > now ? begun : `${begun}, never settled: the next refresh recovers it`;
}

function tenantLine({ id, name }: ConnectionDetail["tenants"][number]): string {
  return name === null ? `  ${id}` : `  ${id}  ${name}`;
}
