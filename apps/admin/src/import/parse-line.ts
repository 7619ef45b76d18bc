import { REFRESH_MODES } from "@evergrant/core";
import type { ConnectionToImport } from "@evergrant/store";
import { z } from "zod";

const LONGEST_TOKEN_BYTES = 16 * 1024;
const LONGEST_TEXT = 256;
const MOST_TENANTS = 1_000;
/** An unknown name that is not made of words may be a token in the wrong place. */
const NAME_OF_WORDS = /^(?=.{1,24}$)[A-Za-z][a-z]*(?:_[a-z]+|[A-Z][a-z]+)*$/;
/** JWTs, and the refresh tokens of Intuit, new and old. */
const KNOWN_TOKEN = /^(?:eyJ[\w-]{8}|RT1-[\w-]{8}|AB11\w{20})/;
/** A shorter text is in others by accident. */
const SHORTEST_TOKEN_SOUGHT = 8;

/** A line in its form, or why it was rejected. Reasons never repeat a value of the line. */
export type ParsedLine =
  | { readonly connection: ConnectionToImport }
  /** `id` only where it is one. */
  | { readonly reason: string; readonly id: string | null };

/**
 * Checks the form of one import line: a JSON object with `id`, `app`, `refreshToken` and the optional
 * fields. Pure. An unknown field is a fault, because a misspelt expiry would be missed in silence.
 */
export function parseLine(text: string): ParsedLine {
  const value = parseJson(text);
  if (value === undefined) return { reason: "not JSON; one object on each line is expected", id: null };
  const parsed = lineShape.safeParse(value);
  if (!parsed.success) return { reason: firstFault(parsed.error), id: readId(value) };
  const { app, ...line } = parsed.data;
  if (line.id === line.refreshToken) return { reason: "the same text as id and as refreshToken", id: null };
  const place = misplacedToken(parsed.data);
  if (place !== undefined) return { reason: `${place} holds a token of this line`, id: null };
  return { connection: { ...line, appId: app } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const missingOr = (otherwise: string) => ({
  error: ({ input }: { readonly input?: unknown }) => (input === undefined ? "is missing" : otherwise),
});

/** Ids end up in job data, log lines, addresses and shells: no blank, no quote, no leading hyphen. */
const id = z
  .string(missingOr("must be a text"))
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.:@/+=~-]{0,127}$/, {
    error: "must be 1 to 128 letters, digits or _ . : @ / + = ~ - and begin with a letter or digit",
    abort: true,
  })
  .refine((given) => !KNOWN_TOKEN.test(given), { error: "is a token; it must be a name of your own" });

/** RFC 6749 appendix A.17: a refresh token is made of visible ASCII characters and blanks. */
const token = z
  .string(missingOr("must be a text"))
  .min(1, { error: "is empty" })
  .refine((given) => Buffer.byteLength(given) <= LONGEST_TOKEN_BYTES, {
    error: ({ input }) => `has ${Buffer.byteLength(String(input))} bytes; at most ${LONGEST_TOKEN_BYTES} are accepted`,
    abort: true,
  })
  .regex(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/, { error: "holds characters that no token has" });

const time = z.iso
  .datetime({ offset: true, error: "must be a time with its zone, such as 2026-11-21T10:00:00Z" })
  .transform((given) => Date.parse(given))
  .nullish()
  .transform((given) => given ?? null);

const words = z
  .string({ error: "must be a text" })
  .max(LONGEST_TEXT, { error: `must have ${LONGEST_TEXT} characters at most` })
  // PostgreSQL stores no NUL, and a terminal obeys the other control characters.
  .regex(/^\P{Cc}*$/u, { error: "holds control characters" });

const optionalWords = words.nullish().transform((given) => given ?? null);

const tenant = z.object(
  { id: words.min(1, { error: "is empty" }), name: optionalWords },
  { error: 'must be an object such as {"id":"…","name":"…"}' },
);

const lineShape = z.strictObject(
  {
    id,
    app: z
      .string(missingOr("must be a text"))
      .min(1, { error: "is empty" })
      .max(LONGEST_TEXT, { error: "is too long" }),
    refreshToken: token,
    accessToken: token.nullish().transform((given) => given ?? null),
    accessTokenExpiresAt: time,
    refreshTokenExpiresAt: time,
    customer: optionalWords,
    mode: z
      .enum(REFRESH_MODES as readonly ["fresh", "keepalive", "off"], { error: `must be ${REFRESH_MODES.join(", ")}` })
      .nullish()
      .transform((given) => given ?? null),
    tenants: z
      .array(tenant, { error: "must be a list" })
      .max(MOST_TENANTS, { error: `holds more than ${MOST_TENANTS}` })
      .nullish()
      .transform((given) => given ?? []),
  },
  { error: ({ code }) => (code === "invalid_type" ? "not a JSON object" : undefined) },
);

/** The field that holds what belongs into another: all but the two tokens is stored and shown in the clear. */
function misplacedToken({ refreshToken, accessToken, ...line }: z.output<typeof lineShape>): string | undefined {
  const tokens = [refreshToken, accessToken ?? ""].filter((text) => text.length >= SHORTEST_TOKEN_SOUGHT);
  const texts: readonly (readonly [string, string | null])[] = [
    ["id", line.id],
    ["app", line.app],
    ["customer", line.customer],
    ...line.tenants.flatMap(({ id: tenantId, name }) => [["tenants", tenantId] as const, ["tenants", name] as const]),
  ];
  return texts.find(([, text]) => text !== null && tokens.some((secret) => text.includes(secret)))?.[0];
}

function firstFault(error: z.ZodError): string {
  const [issue] = error.issues;
  if (issue === undefined) return "cannot be used";
  if (issue.code === "unrecognized_keys") return unknownField(issue.keys);
  const path = issue.path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  return `${path.slice(1)} ${issue.message}`.trim();
}

function unknownField(names: readonly string[]): string {
  const name = names.find((candidate) => NAME_OF_WORDS.test(candidate));
  const known = Object.keys(lineShape.shape).join(", ");
  return `${name === undefined ? "unknown field" : `unknown field "${name}"`}; known are ${known}`;
}

/** A token that was given as id as well is none, also where the line is rejected for something else. */
function readId(value: unknown): string | null {
  const parsed = z.looseObject({ id }).safeParse(value);
  if (!parsed.success) return null;
  const { id: found, ...others } = parsed.data;
  const tokens = Object.entries(others).filter(([name]) => /token/i.test(name));
  const isToken = tokens.some(
    ([, text]) => typeof text === "string" && text.length >= SHORTEST_TOKEN_SOUGHT && found.includes(text),
  );
  return isToken ? null : found;
}
