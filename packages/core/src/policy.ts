import type { ConnectionSchedule } from "./connection.ts";
import type { ProviderDescriptor } from "./descriptor.ts";
import type { FailureOutcome } from "./outcome.ts";
import { spread } from "./spread.ts";

/** A lead longer than the token would make it due before it was issued. */
const LARGEST_LEAD_SHARE = 0.5;
const LARGEST_JITTER_SHARE = 0.25;
/** A provider that asks for more is asked again within the hour: its clock may be wrong, ours must not stop. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;

/**
 * When a connection that has just been refreshed, imported or reconnected is due next.
 *
 * @param now epoch ms, by the database's clock
 * @returns epoch ms, never before `now`; null in mode `off`
 */
export function dueAfterSuccess(
  connection: Pick<ConnectionSchedule, "id" | "mode" | "accessTokenExpiresAt" | "grantExpiresAt">,
  descriptor: ProviderDescriptor,
  now: number,
): number | null {
  switch (connection.mode) {
    case "off":
      return null;
    case "fresh": {
      const beforeExpiry = dueBeforeExpiry(connection.id, connection.accessTokenExpiresAt, descriptor, now);
      return Math.max(now, Math.min(beforeExpiry, dueBeforeLapse(connection, descriptor, now)));
    }
    case "keepalive": {
      const { keepaliveMs, jitterMs } = descriptor.schedule;
      const jitter = spread(connection.id) * Math.min(jitterMs, keepaliveMs * LARGEST_JITTER_SHARE);
      return Math.max(
        now,
        Math.min(Math.round(now + keepaliveMs - jitter), dueBeforeLapse(connection, descriptor, now)),
      );
    }
  }
}

/** An import of unknown age is looked at within this: spread, so that ten thousand do not come at once. */
const FIRST_LOOK_WITHIN_MS = 3_600_000;

/**
 * When a connection that has just been brought in is due: as after a refresh, but a grant of unknown age
 * may be about to lapse, so in mode `keepalive` it is refreshed soon instead of after a whole period.
 *
 * @returns epoch ms, never before `now`; null in mode `off`
 */
export function dueAfterImport(
  connection: Pick<ConnectionSchedule, "id" | "mode" | "accessTokenExpiresAt" | "grantExpiresAt">,
  descriptor: ProviderDescriptor,
  now: number,
): number | null {
  const regular = dueAfterSuccess(connection, descriptor, now);
  if (connection.mode !== "keepalive" || connection.grantExpiresAt !== null) return regular;
  return Math.round(now + spread(connection.id) * Math.min(descriptor.schedule.jitterMs, FIRST_LOOK_WITHIN_MS));
}

function dueBeforeExpiry(id: string, expiresAt: number | null, descriptor: ProviderDescriptor, now: number): number {
  if (expiresAt === null) return now;
  const { leadMs, jitterMs } = descriptor.schedule;
  const remainingMs = Math.max(0, expiresAt - now);
  const lead = Math.min(leadMs, remainingMs * LARGEST_LEAD_SHARE);
  const jitter = Math.min(jitterMs, remainingMs * LARGEST_JITTER_SHARE);
  return Math.round(expiresAt - lead - spread(id) * jitter);
}

/** The latest that an unused grant may be left alone: the margin before its end, or half of what is left of it. */
function dueBeforeLapse(
  connection: Pick<ConnectionSchedule, "grantExpiresAt">,
  descriptor: ProviderDescriptor,
  now: number,
): number {
  const lapsesAt = connection.grantExpiresAt;
  if (lapsesAt === null) return Number.POSITIVE_INFINITY;
  const remainingMs = Math.max(0, lapsesAt - now);
  return Math.round(lapsesAt - Math.min(descriptor.schedule.safetyMarginMs, remainingMs * LARGEST_LEAD_SHARE));
}

/**
 * When a connection whose refresh failed is due again: backoff that doubles, spread by connection,
 * `Retry-After` honoured, and inside the provider's grace window where there is one.
 *
 * @param failures failed attempts in a row, this one included
 */
export function dueAfterFailure(
  connection: Pick<ConnectionSchedule, "id" | "unknownSince">,
  outcome: FailureOutcome,
  failures: number,
  descriptor: ProviderDescriptor,
  now: number,
): number {
  const { firstMs, maxMs } = descriptor.retry;
  const step = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 20));
  const backoff = step * (0.75 + 0.25 * spread(`${connection.id}#${failures}`));
  const asked = Math.min(outcome.retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS);
  const due = now + Math.max(backoff, asked);
  return Math.round(Math.max(now, withinGrace(due, connection.unknownSince, descriptor.graceMs, firstMs, now)));
}

/** The spent token works only inside the window, so the last tries come before it closes. */
function withinGrace(due: number, unknownSince: number | null, graceMs: number, firstMs: number, now: number): number {
  if (unknownSince === null || graceMs === 0) return due;
  const closesAt = unknownSince + graceMs;
  if (now >= closesAt || due < closesAt - firstMs) return due;
  return Math.min(due, Math.max(now + firstMs / 2, closesAt - 2 * firstMs));
}

const URGENCY_STEP_MS = 120_000;
const URGENCY_STEPS = 2_000_000;
const MOST_URGENT = 10;

/**
 * How soon a due connection must be served, as a queue priority: the lowest is the most urgent. It follows the moment
 * when something is lost: the access token in mode `fresh`, the grant itself otherwise. A moment and not the time left
 * to it: a queue keeps the priority of the first offer, and what waits must not be overtaken for ever by what has come
 * after it, however overloaded the fleet is. Begins anew every 7.6 years.
 *
 * @returns a whole number from 10 (1 to 9 are for people who wait) to 2,000,009
 */
export function urgency(
  connection: {
    readonly mode: string;
    readonly accessTokenExpiresAt: number | null;
    readonly grantExpiresAt: number | null;
  },
  now: number,
): number {
  const deadline = connection.mode === "fresh" ? connection.accessTokenExpiresAt : connection.grantExpiresAt;
  const step = Math.floor((deadline ?? now) / URGENCY_STEP_MS);
  return MOST_URGENT + (step % URGENCY_STEPS);
}

/** Priority of a refresh that a person waits for. */
export const AD_HOC_PRIORITY = 1;
