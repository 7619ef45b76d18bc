import type { Grant, RefreshToken } from "@evergrant/testkit/rules";
import { tokenIn } from "../fleet/plain-vault.ts";
import { readTokenText } from "../provider/token-text.ts";
import type { LiveCustomer } from "../world/live-customer.ts";

/** A refresh token that is stored, as the provider's book has it. */
export interface HeldToken {
  readonly grant: Grant;
  readonly token: RefreshToken;
}

/** Every refresh token of the present grant that is stored: the current one and the candidates. */
export function heldTokens({ row, grants }: LiveCustomer): HeldToken[] {
  const held: HeldToken[] = [];
  for (const sealed of [row.refreshToken, ...row.candidates.map((candidate) => candidate.refreshToken)]) {
    const { grantNo, generation } = readTokenText(tokenIn(sealed));
    const grant = grants[grantNo];
    const token = grant?.tokens.get(generation);
    if (grant !== undefined && token !== undefined && grantNo === grants.length - 1) held.push({ grant, token });
  }
  return held;
}
