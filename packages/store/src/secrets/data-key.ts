import { createSecretKey, type KeyObject, randomBytes } from "node:crypto";
import type { KeyRing, RingKey } from "./key-ring.ts";
import { boxOverheadBytes, joinContext, openBox, sealInto } from "./sealed-box.ts";
import { SecretError } from "./secret-error.ts";

const formatVersion = 1;
const keyBytes = 32;

/** What a data key is for. There is one fingerprint key for ever: fingerprints are compared with each other. */
export type DataKeyPurpose = "tokens" | "fingerprints";

/** A row of the table data_key. */
export interface DataKeyRow {
  readonly id: number;
  readonly purpose: string;
  readonly version: number;
  readonly ringKeyId: string;
  readonly wrapped: Uint8Array;
}

export interface DataKey {
  readonly id: number;
  readonly purpose: string;
  readonly version: number;
  readonly key: KeyObject;
}

/** Makes a data key, wrapped by a key of the ring; nobody has seen it unwrapped. */
export function createWrappedKey(purpose: DataKeyPurpose, version: number, ringKey: RingKey): Uint8Array<ArrayBuffer> {
  return wrap(randomBytes(keyBytes), purpose, version, ringKey);
}

/**
 * @throws SecretError when the ring lacks the key that the row names, or holds another under its name
 */
export function unwrapDataKey(row: DataKeyRow, ring: KeyRing): DataKey {
  const { id, purpose, version } = row;
  return { id, purpose, version, key: createSecretKey(unwrap(row, ring)) };
}

/** The same data key under the ring's primary key. Throws as unwrapDataKey does. */
export function rewrapDataKey(row: DataKeyRow, ring: KeyRing): Uint8Array<ArrayBuffer> {
  return wrap(unwrap(row, ring), row.purpose, row.version, ring.primary);
}

function wrap(key: Uint8Array, purpose: string, version: number, ringKey: RingKey): Uint8Array<ArrayBuffer> {
  const wrapped = new Uint8Array(1 + boxOverheadBytes + key.length);
  wrapped[0] = formatVersion;
  sealInto(wrapped, 1, ringKey.key, wrapContext(purpose, version, ringKey.id), key);
  return wrapped;
}

function unwrap({ purpose, version, ringKeyId, wrapped }: DataKeyRow, ring: KeyRing): Buffer {
  const ringKey = ring.keys.get(ringKeyId);
  if (ringKey === undefined) {
    const held = [...ring.keys.keys()].map((id) => `"${id}"`).join(", ");
    throw new SecretError(
      `The stored tokens are encrypted under key "${ringKeyId}", which the key ring lacks (it holds ${held}): add that key to it.`,
    );
  }
  const key =
    wrapped[0] === formatVersion
      ? openBox(wrapped.subarray(1), ringKey.key, wrapContext(purpose, version, ringKeyId))
      : undefined;
  if (key === undefined) {
    throw new SecretError(
      `Key "${ringKeyId}" of the key ring is not the key of that name that the stored tokens were encrypted under: put the right one back.`,
    );
  }
  return key;
}

function wrapContext(purpose: string, version: number, ringKeyId: string): string {
  return joinContext("data_key", purpose, version, ringKeyId);
}
