import ms, { type StringValue } from "ms";
import { z } from "zod";

const LONGEST_MS = 30 * 365 * 86_400_000;

/**
 * A duration as people write it in a descriptor file: `"30m"`, `"60d"`, `"1.5h"`, or milliseconds as a
 * number. A string without a unit is refused: nobody could tell seconds from milliseconds.
 *
 * @returns a schema whose output is whole milliseconds
 */
export function duration({ leastMs, mostMs = LONGEST_MS }: { readonly leastMs: number; readonly mostMs?: number }) {
  return z.unknown().transform((value, context) => {
    const durationMs = readDuration(value);
    const fault =
      durationMs === null
        ? 'must be a duration such as "30m" or "60d", or a number of milliseconds'
        : rangeFault(durationMs, leastMs, mostMs);
    if (durationMs !== null && fault === null) return durationMs;
    context.addIssue({ code: "custom", message: fault ?? "is out of range" });
    return z.NEVER;
  });
}

function readDuration(value: unknown): number | null {
  if (typeof value === "number") return Number.isFinite(value) ? Math.round(value) : null;
  if (typeof value !== "string" || value.length > 40 || !/\d\s*[a-z]/i.test(value)) return null;
  // Typed for literals only; at run time it answers anything else with undefined.
  const durationMs: number | undefined = ms(value.trim() as StringValue);
  return durationMs === undefined || !Number.isFinite(durationMs) ? null : Math.round(durationMs);
}

function rangeFault(durationMs: number, leastMs: number, mostMs: number): string | null {
  if (durationMs < 0) return "must not be negative";
  if (durationMs < leastMs) return `must be ${ms(leastMs)} or more`;
  return durationMs > mostMs ? `must be ${ms(mostMs)} or less` : null;
}
