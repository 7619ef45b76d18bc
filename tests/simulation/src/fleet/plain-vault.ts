import type { TokenVault } from "@evergrant/store/secrets";

/**
 * Seals nothing, and yet a value opens only in the place that it was sealed for: what production's
 * associated data enforces.
 */
export const plainVault: TokenVault = {
  sealToken: ({ connectionId, field, generation }, token) => bytes(`${connectionId}/${field}/${generation}/${token}`),
  openToken({ connectionId, field, generation }, sealed) {
    const text = textOf(sealed);
    const place = `${connectionId}/${field}/${generation}/`;
    if (!text.startsWith(place)) throw new Error(`A token of ${connectionId} was opened in another place: ${text}`);
    return text.slice(place.length);
  },
  sealClientSecret: (_place, secret) => bytes(secret),
  openClientSecret: (_place, sealed) => textOf(sealed),
  sealSettlement: (_intentId, text) => bytes(text),
  openSettlement: (_intentId, sealed) => textOf(sealed),
  fingerprint: (refreshToken) => bytes(refreshToken),
};

/** The refresh token in a sealed value, whatever its place. */
export function tokenIn(sealed: Uint8Array): string {
  const text = textOf(sealed);
  return text.slice(text.lastIndexOf("/") + 1);
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return Buffer.from(text, "latin1");
}

function textOf(sealed: Uint8Array): string {
  const buffer = Buffer.isBuffer(sealed) ? sealed : Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  return buffer.toString("latin1");
}
