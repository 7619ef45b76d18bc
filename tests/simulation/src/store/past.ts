import { type ConnectionRow, sameBytes } from "./tables.ts";

const PAST_TOKENS = 64;

/** As `token_set.replaced` of the real store: the current fingerprint is about to be replaced. */
export function notePast(row: ConnectionRow): void {
  row.replaced.push(row.fingerprint);
  if (row.replaced.length > PAST_TOKENS) row.replaced.shift();
}

/** Whether a token was current before the one that is. */
export function wasCurrent({ replaced }: ConnectionRow, fingerprint: Uint8Array): boolean {
  return replaced.some((past) => sameBytes(past, fingerprint));
}
