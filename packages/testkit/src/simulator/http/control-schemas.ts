import { z } from "zod";
import { providerKinds } from "../ledger/provider-rules.ts";

/** The longest that a long poll may take: below the idle timeouts of common HTTP clients. */
const maxWaitMs = 120_000;
const maxMint = 100_000;

/** `POST /control/clients`: adds a client or replaces the secrets of a known one. */
export const registerSchema = z.strictObject({
  id: z.string().min(1),
  kind: z.enum(providerKinds),
  /** Any of them is accepted; an empty list makes a public client. */
  secrets: z.array(z.string().min(1)),
  environment: z.enum(["production", "sandbox"]).default("production"),
});
export type Registration = z.input<typeof registerSchema>;

const ageMs = z.number().min(0);

/** `POST /control/mint`: customers who consented. */
export const mintSchema = z.strictObject({
  clientId: z.string(),
  count: z.number().int().min(1).max(maxMint).default(1),
  scopes: z.string().default("offline_access accounting.transactions accounting.settings"),
  /** Xero tenants that each grant reaches. */
  tenants: z.number().int().min(0).max(50).default(1),
  /** Grant ids are `<idPrefix>-<number>`; the kind when left out. */
  idPrefix: z.string().min(1).optional(),
  /** How long ago the customers consented: all alike, or spread over a range. */
  ageMs: z.union([ageMs, z.tuple([ageMs, ageMs])]).default(0),
});
export type MintOptions = z.input<typeof mintSchema>;

/** A minted grant in the form that a user would import. */
export interface MintedGrant {
  id: string;
  kind: (typeof providerKinds)[number];
  clientId: string;
  customer: string;
  refreshToken: string;
  accessToken: string;
  /** ISO 8601, as are the other times. */
  accessTokenExpiresAt: string;
  refreshTokenExpiresAt: string | null;
  hardExpiresAt: string | null;
  tenants: Array<{ id: string; name: string }>;
}

/** `POST /control/revoke`: customers who leave, named or chosen at random among a client's living grants. */
export const revokeSchema = z.union([
  z.strictObject({ grantIds: z.array(z.string()) }),
  z.strictObject({ clientId: z.string(), count: z.number().int().min(1) }),
]);
export type Revocation = z.input<typeof revokeSchema>;

/** `POST /control/trickle`: customers of a client who leave, so many a minute; 0 stops it. */
export const trickleSchema = z.strictObject({ clientId: z.string(), perMinute: z.number().min(0).max(60_000) });

/** `POST /control/faults/:id/wait`: a long poll until so many requests are held. */
export const waitSchema = z.strictObject({
  count: z.number().int().min(1),
  timeoutMs: z.number().int().min(0).max(maxWaitMs).default(10_000),
});

/** `POST /control/faults/:id/release`: lets so many held requests go, or all. */
export const releaseSchema = z.strictObject({ count: z.number().int().min(1).optional() });

/** `POST /audit/check`: refresh tokens to judge without using them, by grant or as a list. */
export const checkSchema = z.strictObject({
  grants: z.record(z.string(), z.string()).default({}),
  tokens: z.array(z.string()).default([]),
});
