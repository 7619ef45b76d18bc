import { createCipheriv, createDecipheriv, createHmac, type KeyObject, randomFillSync } from "node:crypto";

const cipherName = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;

/** What the authenticated envelope adds to the length of the plaintext. */
export const boxOverheadBytes = nonceBytes + tagBytes;

/**
 * Encrypts with AES-256-GCM under a random nonce.
 *
 * @param context what the box is bound to; opening takes the same
 * @param target receives nonce, tag and ciphertext from `offset` on; as long as they are
 */
export function sealInto(
  target: Uint8Array,
  offset: number,
  key: KeyObject | Uint8Array,
  context: string,
  plaintext: Uint8Array,
): void {
  const nonce = takeNonce();
  const cipher = createCipheriv(cipherName, key, nonce);
  cipher.setAAD(Buffer.from(context));
  target.set(nonce, offset);
  target.set(cipher.update(plaintext), offset + boxOverheadBytes);
  cipher.final();
  target.set(cipher.getAuthTag(), offset + nonceBytes);
}

// Asked for one at a time, random bytes take a quarter of the time of sealing.
const nonces = { bytes: new Uint8Array(512 * nonceBytes), used: 512 * nonceBytes };

function takeNonce(): Uint8Array {
  if (nonces.used === nonces.bytes.length) {
    randomFillSync(nonces.bytes);
    nonces.used = 0;
  }
  nonces.used += nonceBytes;
  return nonces.bytes.subarray(nonces.used - nonceBytes, nonces.used);
}

/** The plaintext of a box, or undefined when key, context or any byte is not the one it was sealed with. */
export function openBox(box: Uint8Array, key: KeyObject | Uint8Array, context: string): Buffer | undefined {
  if (box.length < boxOverheadBytes) return undefined;
  const decipher = createDecipheriv(cipherName, key, box.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(box.subarray(nonceBytes, boxOverheadBytes));
  const plaintext = decipher.update(box.subarray(boxOverheadBytes));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return plaintext;
}

/** A key for one owner alone, from the key of all (HMAC-SHA-256 as a key derivation function, 32 bytes). */
export function deriveKey(key: KeyObject, context: string): Buffer {
  return createHmac("sha256", key).update(context).digest();
}

/** Joins values so that no other list of values gives the same text: each with its length in front. */
export function joinContext(...values: readonly (string | number)[]): string {
  return values.map((value) => `${String(value).length}:${value}`).join();
}
