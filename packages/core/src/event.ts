import type { RejectionCause } from "./cause.ts";
import type { Evidence, OutcomeKind } from "./outcome.ts";

/**
 * What happened to a connection and is worth remembering: kept in the journal, logged, counted. No
 * field can hold a token.
 */
export type ConnectionEvent =
  | RefreshFailed
  | { readonly kind: "recovered"; readonly failures: number; readonly unknownForMs: number | null }
  | { readonly kind: "needs_reauth"; readonly cause: RejectionCause; readonly strikes: number }
  | { readonly kind: "claim_recovered"; readonly unknownForMs: number }
  | { readonly kind: "candidate_kept"; readonly presentedGeneration: number }
  | { readonly kind: "candidate_used"; readonly presentedGeneration: number }
  | { readonly kind: "settled_from_escrow"; readonly waitedMs: number }
  | { readonly kind: "ending_held" }
  | { readonly kind: "revived" }
  | { readonly kind: "imported" }
  | { readonly kind: "reconnected"; readonly previousState: string };

export interface RefreshFailed {
  readonly kind: "refresh_failed";
  readonly outcome: OutcomeKind;
  readonly reason: string;
  readonly cause: RejectionCause | null;
  readonly strikes: number;
  readonly failures: number;
  readonly retryInMs: number | null;
  readonly evidence: Evidence;
}

export type ConnectionEventKind = ConnectionEvent["kind"];
