import { createHmac, type KeyObject } from "node:crypto";
import type { DataKey } from "./data-key.ts";
import { boxOverheadBytes, deriveKey, joinContext, openBox, sealInto } from "./sealed-box.ts";
import { SecretError } from "./secret-error.ts";

// Layout of a sealed value: format (1 byte, always below 32: the database refuses text in its place),
// id of the data key (4 bytes, big-endian), nonce (12), tag (16), ciphertext.
const formatVersion = 1;
const headerBytes = 5;
const fingerprintBytes = 16;
/** A refresh opens one token and seals two of one owner: its key is derived once. */
const ownersRemembered = 2_000;

/** Where a token belongs. A ciphertext opens in its own place only. */
export interface TokenPlace {
  readonly connectionId: string;
  readonly field: "refreshToken" | "accessToken";
  /** Of the token set that it was sealed for. */
  readonly generation: number;
}

export interface ClientSecretPlace {
  readonly appId: string;
}

/**
 * Seals and opens the secrets of the store. It works in memory alone: no call waits.
 *
 * Each connection and app has a key of its own, derived from the data key, so however many tokens a
 * fleet seals, no key comes near the number of random nonces that AES-GCM bears (2^32, NIST SP
 * 800-38D, 8.3).
 */
export interface TokenVault {
  sealToken(place: TokenPlace, token: string): Uint8Array<ArrayBuffer>;
  /** @throws SecretError when the bytes were sealed for another place, or by another key, or are damaged */
  openToken(place: TokenPlace, sealed: Uint8Array): string;
  /** Bound to the app, not to a row: the row has no id yet. An app's secrets can therefore change places. */
  sealClientSecret(place: ClientSecretPlace, secret: string): Uint8Array<ArrayBuffer>;
  /** @throws SecretError as openToken does */
  openClientSecret(place: ClientSecretPlace, sealed: Uint8Array): string;
  /** For the escrow: a whole settlement, bound to the intent that it ends. */
  sealSettlement(intentId: string, text: string): Uint8Array<ArrayBuffer>;
  /** @throws SecretError as openToken does */
  openSettlement(intentId: string, sealed: Uint8Array): string;
  /** 16 bytes that tell equal refresh tokens apart from others and nothing more; the same for ever. */
  fingerprint(refreshToken: string): Uint8Array<ArrayBuffer>;
}

/**
 * @param tokenKeys all that open; the highest version seals
 */
export function createTokenVault(tokenKeys: readonly DataKey[], fingerprintKey: KeyObject): TokenVault {
  const sealingKey = tokenKeys.reduce((newest, key) => (key.version > newest.version ? key : newest));
  const keysById = new Map(tokenKeys.map(({ id, key }) => [id, rememberOwners(key)]));
  const sealingKeyOf = keysById.get(sealingKey.id) ?? rememberOwners(sealingKey.key);

  const seal = (place: Place, secret: string): Uint8Array<ArrayBuffer> => {
    const plaintext = Buffer.from(secret);
    const sealed = new Uint8Array(headerBytes + boxOverheadBytes + plaintext.length);
    sealed[0] = formatVersion;
    new DataView(sealed.buffer).setUint32(1, sealingKey.id);
    sealInto(sealed, headerBytes, sealingKeyOf(place.owner), place.context, plaintext);
    return sealed;
  };
  const open = (place: Place, sealed: Uint8Array): string => {
    if (sealed.length < headerBytes || sealed[0] !== formatVersion)
      throw new SecretError(`${place.name} is not a sealed value.`);
    const keyId = new DataView(sealed.buffer, sealed.byteOffset).getUint32(1);
    const keyOf = keysById.get(keyId);
    if (keyOf === undefined)
      throw new SecretError(`${place.name} was sealed by data key ${keyId}, which is not loaded.`);
    const plaintext = openBox(sealed.subarray(headerBytes), keyOf(place.owner), place.context);
    if (plaintext === undefined)
      throw new SecretError(`${place.name} does not open: it is damaged, or not in its place.`);
    return plaintext.toString();
  };

  return {
    sealToken: (place, token) => seal(tokenPlace(place), token),
    openToken: (place, sealed) => open(tokenPlace(place), sealed),
    sealClientSecret: (place, secret) => seal(clientSecretPlace(place), secret),
    openClientSecret: (place, sealed) => open(clientSecretPlace(place), sealed),
    sealSettlement: (intentId, text) => seal(settlementPlace(intentId), text),
    openSettlement: (intentId, sealed) => open(settlementPlace(intentId), sealed),
    fingerprint: (refreshToken) =>
      Uint8Array.from(createHmac("sha256", fingerprintKey).update(refreshToken).digest().subarray(0, fingerprintBytes)),
  };
}

/** The derived keys of the owners met last. */
function rememberOwners(key: KeyObject): (owner: string) => Buffer {
  const known = new Map<string, Buffer>();
  return (owner) => {
    const found = known.get(owner);
    if (found !== undefined) return found;
    if (known.size === ownersRemembered) known.clear();
    const derived = deriveKey(key, owner);
    known.set(owner, derived);
    return derived;
  };
}

interface Place {
  readonly name: string;
  /** Chooses the key. */
  readonly owner: string;
  /** Bound to the ciphertext as associated data. */
  readonly context: string;
}

function tokenPlace({ connectionId, field, generation }: TokenPlace): Place {
  return {
    name: `The ${field} of connection "${connectionId}", generation ${generation},`,
    owner: joinContext("token", connectionId),
    context: joinContext("token", connectionId, field, generation),
  };
}

/** One key for all: what waits in the escrow is little. */
function settlementPlace(intentId: string): Place {
  return {
    name: `The settlement of intent ${intentId}`,
    owner: joinContext("settlement"),
    context: joinContext("settlement", intentId),
  };
}

function clientSecretPlace({ appId }: ClientSecretPlace): Place {
  const owner = joinContext("client_secret", appId);
  return { name: `A client secret of app "${appId}"`, owner, context: owner };
}
