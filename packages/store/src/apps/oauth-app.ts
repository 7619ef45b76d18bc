import type { BreakerState } from "@evergrant/core";
import type { OAuthAppModel } from "../generated/models.ts";

/** Credentials of one environment never touch grants of another. */
export type Environment = "production" | "sandbox";

export const ENVIRONMENTS: readonly Environment[] = ["production", "sandbox"];

/** One client registration at a provider, without its secrets. */
export interface OAuthApp {
  readonly id: string;
  readonly provider: string;
  readonly environment: Environment;
  readonly clientId: string;
  /** Overrides of the built-in descriptor, or a whole one, as it was given. */
  readonly descriptor: unknown;
  readonly breakerState: BreakerState;
  readonly breakerReason: string | null;
  /** Politeness budget at the token endpoint; null is unlimited. */
  readonly maxConcurrent: number | null;
  readonly maxPerSecond: number | null;
}

/** The row as the rest of the program knows it. */
export function toOAuthApp(row: OAuthAppModel): OAuthApp {
  return {
    id: row.id,
    provider: row.provider,
    environment: row.environment,
    clientId: row.clientId,
    descriptor: row.descriptor,
    breakerState: row.breakerState,
    breakerReason: row.breakerReason,
    maxConcurrent: row.maxConcurrent,
    maxPerSecond: row.maxPerSecond,
  };
}
