import { z } from "zod";

/**
 * How the text of an environment variable becomes a value. Every message completes the sentence
 * "EVERGRANT_SOMETHING must be …" and never repeats the text, which may be a secret.
 */
export const envValue = { text, oneOf, flag, whole, milliseconds, port, address };

const LONGEST_DURATION_MS = 24 * 60 * 60 * 1000;

function text() {
  return z.string({ error: "a text" });
}

function oneOf<const Choice extends readonly [string, ...string[]]>(choices: Choice) {
  return z.enum(choices, { error: `one of ${choices.join(", ")}` });
}

/** `true` or `false`, nothing that would have to be guessed. */
function flag() {
  return z.enum(["true", "false"], { error: "true or false" }).transform((given) => given === "true");
}

/** A whole number from `min` to `max`, both allowed. */
function whole({ min, max, unit }: { min: number; max: number; unit?: string }) {
  const error = `a whole number${unit === undefined ? "" : ` of ${unit}`} from ${min} to ${max}`;
  return z
    .string({ error })
    .regex(/^\d{1,15}$/, { error })
    .transform(Number)
    .pipe(z.number().min(min, { error }).max(max, { error }));
}

function milliseconds({ min, max = LONGEST_DURATION_MS }: { min: number; max?: number }) {
  return whole({ min, max, unit: "milliseconds" });
}

/** 0 asks the system for a free port. */
function port() {
  return whole({ min: 0, max: 65_535 });
}

/**
 * A URL of one of the schemes, with a host and a path as wanted, kept as it was written. A password with `#`, `/` or `?` in
 * it does not parse, so the example reminds of percent-encoding.
 */
function address({ schemes, example, path = /^/ }: { schemes: readonly string[]; example: string; path?: RegExp }) {
  const beginnings = schemes.map((scheme) => `${scheme}://`).join(" or ");
  const error = `an address that begins with ${beginnings}, such as ${example}, special characters of its password percent-encoded`;
  return z.string({ error }).refine((given) => isAddress(given, schemes, path), { error });
}

function isAddress(given: string, schemes: readonly string[], path: RegExp): boolean {
  if (!URL.canParse(given)) return false;
  const { hostname, protocol, username, password, pathname } = new URL(given);
  if (hostname === "" || !schemes.includes(protocol.slice(0, -1)) || !path.test(pathname)) return false;
  // Drivers decode these, and fail on a lone percent sign with an error that names no variable.
  return [username, password, pathname].every(isPercentEncoded);
}

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
