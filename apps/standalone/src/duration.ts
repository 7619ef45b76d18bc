import { UserError } from "@evergrant/runtime";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a text such as `90s` or `2m`. Throws UserError naming the option. */
export function durationMs(option: string, text: string): number {
  const [, amount = "", unit = "s"] = /^(\d+)(ms|s|m|h)?$/.exec(text.trim()) ?? [];
  const ms = Number(amount) * (UNIT_MS[unit] ?? 0);
  if (amount === "" || ms === 0) throw new UserError(`${option} takes a duration such as 60s or 2m, not "${text}".`);
  return ms;
}
