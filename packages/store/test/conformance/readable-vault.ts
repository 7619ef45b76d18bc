import type { TokenVault } from "../../src/secrets/index.ts";
import { bytes, fingerprintOf, textOf } from "../refresh/rows.ts";

/** Says what was sealed instead of hiding it. */
export const readableVault: TokenVault = {
  sealToken: (_place, token) => bytes(token),
  openToken: (_place, sealed) => textOf(sealed),
  sealClientSecret: (_place, secret) => bytes(secret),
  openClientSecret: (_place, sealed) => textOf(sealed),
  sealSettlement: (_intentId, text) => bytes(text),
  openSettlement: (_intentId, sealed) => textOf(sealed),
  fingerprint: (token) => fingerprintOf(token),
};
