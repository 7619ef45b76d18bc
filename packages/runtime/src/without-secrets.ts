import { types } from "node:util";

const CENSORED = "[redacted]";
const LONGEST_TEXT = 8_192;
const DEEPEST = 8;

/** Names whose text is never logged, wherever they stand and however they are written. */
const SECRET_NAME =
  /(tokens?|tokenset|secrets?|password|passphrase|authorization|cookie|credentials?|keyring|keymaterial|apikey|privatekey|plaintext|assertion|databaseurl|redisurl|connectionstring|dsn)$/;

/**
 * What secrets look like inside a text. Each pattern has bounds, so that no text, however made, takes
 * more than linear time.
 */
const SECRET_TEXTS: readonly (readonly [RegExp, string])[] = [
  // The password of an address; it may hold any character but a blank, even an `@`.
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/[^\s:/@"']{0,128}):\S{1,4096}@/gi, `$1:${CENSORED}@`],
  [/\b(authorization\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?[a-z]{1,20})\s{1,4}[^\s"'\\,]{1,8192}/gi, `$1 ${CENSORED}`],
  [/\b(basic|bearer)\s{1,4}[a-z0-9+/=._~-]{8,8192}/gi, `$1 ${CENSORED}`],
  // JWT and JWE, and the refresh tokens of Intuit, new and old.
  [/\beyJ[\w-]{5,8192}(?:\.[\w-]{0,8192}){1,4}/g, CENSORED],
  [/\bRT1-[\w-]{1,8192}/g, CENSORED],
  [/\bAB11[a-z0-9]{30,8192}/gi, CENSORED],
  // A field of a form, of JSON, of a dumped object.
  [
    /\b((?:\w{1,20}_)?(?:refresh|access|id|new|old)_?token|client_?secret|client_?assertion|password|code_?verifier)(\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?)[^\s"'&,;}\\]{1,8192}/gi,
    `$1$2${CENSORED}`,
  ],
];

/**
 * A copy of `value` that is safe to log: fields with a secret's name are censored, errors reduced to
 * what `describeError` keeps, bytes counted instead of shown, every text scrubbed. Deep, and finite for
 * cycles.
 */
export function withoutSecrets(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return scrubText(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return typeof value === "function" ? undefined : value;
  if (depth > DEEPEST) return "[too deep]";
  if (value instanceof Error || types.isNativeError(value)) return describeError(value, depth);
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return `[${value.byteLength} bytes]`;
  if ("toJSON" in value && typeof value.toJSON === "function") return withoutSecrets(value.toJSON(), depth + 1);
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, depth + 1));
  return withoutSecretFields(value, depth);
}

/** `withoutSecrets` for an object whose fields are wanted as they are named. */
export function withoutSecretFields(fields: object, depth = 0): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, safeField(name, field, depth)]));
}

/** Counts, times and flags may carry a secret's name; texts and objects may not. */
function safeField(name: string, field: unknown, depth: number): unknown {
  const isHarmless = field === null || (typeof field !== "string" && typeof field !== "object");
  return isSecretName(name) && !isHarmless ? CENSORED : withoutSecrets(field, depth + 1);
}

function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name.replaceAll(/[^a-z]/gi, "").toLowerCase());
}

export interface DescribedError {
  readonly name: string;
  readonly code?: string | number;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: unknown;
}

/**
 * Name, code, message, stack and cause of an error, scrubbed, and nothing else: errors of a driver carry
 * parameters, rows and requests in fields of their own.
 */
export function describeError(error: Error, depth = 0): DescribedError {
  const code = "code" in error ? error.code : undefined;
  return {
    name: String(error.name),
    ...(typeof code === "string" || typeof code === "number" ? { code } : {}),
    message: scrubText(String(error.message)),
    ...(typeof error.stack === "string" ? { stack: scrubText(error.stack) } : {}),
    ...(error.cause === undefined ? {} : { cause: withoutSecrets(error.cause, depth + 1) }),
  };
}

/** `text` without what looks like a password, a token or a credential, and cut at 8 KiB. */
export function scrubText(text: string): string {
  // Cut after scrubbing: half a secret may look like none.
  const readable = text.slice(0, 2 * LONGEST_TEXT);
  const scrubbed = SECRET_TEXTS.reduce((rest, [pattern, censored]) => rest.replaceAll(pattern, censored), readable);
  return text.length > LONGEST_TEXT ? `${scrubbed.slice(0, LONGEST_TEXT)}… (cut)` : scrubbed;
}
