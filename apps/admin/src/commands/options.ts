import { InvalidArgumentError, Option } from "commander";

/** The switch of every command. */
export const jsonOption = () => new Option("--json", "print JSON for programs");

/** A whole number between two bounds, both allowed. */
export function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max))
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    return value;
  };
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** A duration such as `500ms`, `30s`, `5m` or `1h`, as milliseconds. */
export function duration(text: string): number {
  const [, amount, unit = ""] = /^(\d{1,9})(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(amount) * (UNIT_MS[unit] ?? Number.NaN);
  if (Number.isNaN(ms)) throw new InvalidArgumentError("It must be a duration such as 500ms, 30s or 5m.");
  return ms;
}

/** The id of an OAuth app: it names queues, metrics labels and files. */
export function appId(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(text)) return text;
  throw new InvalidArgumentError("It must be 1 to 63 letters, digits or . _ - and begin with a letter or digit.");
}
