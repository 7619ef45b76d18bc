import type { RefreshMode } from "@evergrant/core";

/** A grant from outside, checked in form, not yet compared with what is stored. Times are epoch milliseconds. */
export interface ConnectionToImport {
  readonly id: string;
  readonly appId: string;
  readonly refreshToken: string;
  readonly accessToken: string | null;
  /** Null when unknown: the connection is then due at once. */
  readonly accessTokenExpiresAt: number | null;
  /** The rolling end of the unused grant; null when unknown. */
  readonly refreshTokenExpiresAt: number | null;
  readonly customer: string | null;
  /** Null: the stored mode of a known connection, else the provider's usual one. */
  readonly mode: RefreshMode | null;
  readonly tenants: readonly { readonly id: string; readonly name: string | null }[];
}

/**
 * `imported`: a new connection. `reconnected`: a dead connection lives again with this grant.
 * `replaced`: an active connection holds this grant now, because that was asked for. `unchanged`: this
 * very token came in before and nothing was written, since it may have been rotated meanwhile.
 */
export type ImportResult =
  | { readonly id: string; readonly result: "imported" | "reconnected" | "replaced" | "unchanged" }
  | { readonly id: string; readonly result: "rejected"; readonly reason: string };
