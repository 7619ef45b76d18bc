import { createSecretKey, type KeyObject, randomBytes } from "node:crypto";
import { SecretError } from "./secret-error.ts";

const keyBytes = 32;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;
const base64Pattern = /^[A-Za-z0-9+/_-]*={0,2}$/;
const howToMakeOne = "one key a line as name:key, the key 32 random bytes in base64 (openssl rand -base64 32)";

/** The user's own keys. They wrap the data keys in the database and nothing else. */
export interface KeyRing {
  /** Wraps whatever is wrapped from now on. */
  readonly primary: RingKey;
  /** By name; older keys stay listed for as long as something is wrapped under them. */
  readonly keys: ReadonlyMap<string, RingKey>;
}

export interface RingKey {
  readonly id: string;
  readonly key: KeyObject;
}

/**
 * Reads a key ring: `name:base64` entries, by comma or by line, the first one primary. Blank lines
 * and lines that begin with # are passed over, so that it can be the content of a file.
 *
 * @throws SecretError with one line that says which entry is wrong and how; what stands in an entry is
 *   shown only where it is certain to be a name, since people mix up the two sides of the colon
 */
export function parseKeyRing(text: string): KeyRing {
  const entries = text
    .split(/[,\n\r]/)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "" && !entry.startsWith("#"));
  const keys = new Map<string, RingKey>();
  for (const [index, entry] of entries.entries()) {
    const key = parseRingKey(entry, index + 1);
    if (keys.has(key.id)) throw new SecretError(`The key ring names key "${key.id}" twice.`);
    keys.set(key.id, key);
  }
  const [primary] = keys.values();
  if (primary === undefined) throw new SecretError(`The key ring holds no key: it needs ${howToMakeOne}.`);
  return { primary, keys };
}

/** Makes a new entry for a key ring, as `name:base64`. */
export function generateKey(id = "main"): string {
  if (!namePattern.test(id)) throw new SecretError(badName("The new key"));
  return `${id}:${randomBytes(keyBytes).toString("base64")}`;
}

function parseRingKey(entry: string, position: number): RingKey {
  const [id = "", encoded, ...rest] = entry.split(":");
  if (encoded === undefined || rest.length > 0) {
    throw new SecretError(`Entry ${position} of the key ring cannot be read: it needs ${howToMakeOne}.`);
  }
  if (!namePattern.test(id)) throw new SecretError(badName(`Entry ${position} of the key ring`));
  if (!base64Pattern.test(encoded)) throw new SecretError(`Key "${id}" of the key ring is not base64.`);
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.length !== keyBytes) {
    throw new SecretError(`Key "${id}" of the key ring has ${bytes.length} bytes; it needs ${keyBytes}.`);
  }
  return { id, key: createSecretKey(bytes) };
}

function badName(what: string): string {
  return `${what} needs a name of at most 32 letters, digits, dots, dashes and underscores before the colon.`;
}
