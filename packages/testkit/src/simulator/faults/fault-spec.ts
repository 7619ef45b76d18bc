import { z } from "zod";
import { providerKinds } from "../ledger/provider-rules.ts";

/** Whether the fault strikes before the refresh token is used or after, when a new one exists that nobody has seen. */
const at = z.enum(["received", "rotated"]);

const effects = z.discriminatedUnion("type", [
  /** Waits before the request is looked at: a fixed time, or one drawn from a range. */
  z.strictObject({
    type: z.literal("latency"),
    ms: z.union([z.number().min(0), z.tuple([z.number().min(0), z.number().min(0)])]),
  }),
  /** Holds the request, unanswered, until `release`. Never released, it hangs. */
  z.strictObject({ type: z.literal("hold"), at: at.default("received") }),
  z.strictObject({
    type: z.literal("status"),
    status: z.number().int().min(400).max(599),
    body: z.string().default(""),
    at: at.default("received"),
  }),
  z.strictObject({ type: z.literal("throttle"), retryAfter: z.union([z.string(), z.number()]) }),
  /** Closes the connection without a reply. */
  z.strictObject({ type: z.literal("drop"), at: at.default("rotated") }),
  /** The true reply, cut off in the middle of its refresh token; in the middle of its body where it has none. */
  z.strictObject({ type: z.literal("half_body") }),
  z.strictObject({
    type: z.literal("html"),
    status: z.number().int().min(200).max(599).default(200),
    at: at.default("received"),
  }),
  z.strictObject({ type: z.literal("empty"), at: at.default("received") }),
  /** A 200 whose body is no JSON, though it says so. */
  z.strictObject({ type: z.literal("junk"), at: at.default("received") }),
  /** An OAuth error in a 200. */
  z.strictObject({ type: z.literal("error_in_200"), error: z.string().default("invalid_grant") }),
  z.strictObject({ type: z.literal("big_body"), bytes: z.number().int().min(1), at: at.default("received") }),
  /** The true reply, one byte per interval. */
  z.strictObject({ type: z.literal("drip"), intervalMs: z.number().min(0) }),
  z.strictObject({
    type: z.literal("redirect"),
    location: z.string(),
    status: z.number().int().min(300).max(399).default(302),
  }),
  /** Changes `expires_in` of a success; without `value` the field is missing. */
  z.strictObject({ type: z.literal("expires_in"), value: z.union([z.string(), z.number()]).optional() }),
  z.strictObject({ type: z.literal("omit_refresh_token") }),
  z.strictObject({ type: z.literal("omit_access_token") }),
]);

/** A fault to switch on: what it does, to whom, how likely and how often. Without a target it strikes everyone. */
export const faultSpecSchema = z.strictObject({
  effect: effects,
  kind: z.enum(providerKinds).optional(),
  clientId: z.string().optional(),
  grantId: z.string().optional(),
  /** At `discovery` only `status` and `latency` have an effect. */
  endpoint: z.enum(["token", "discovery"]).default("token"),
  probability: z.number().min(0).max(1).default(1),
  /** How often it may strike before it is used up; no limit without it. */
  times: z.number().int().min(1).optional(),
});
/** As given by the caller: fields with a default may be missing. */
export type FaultSpec = z.input<typeof faultSpecSchema>;
export type ParsedFaultSpec = z.output<typeof faultSpecSchema>;
export type FaultEffect = z.output<typeof effects>;

/** The effects that take the place of the true reply. At most one of them strikes a request. */
export type ReplacingEffect = Exclude<
  FaultEffect,
  { type: "latency" | "hold" | "expires_in" | "omit_refresh_token" | "omit_access_token" }
>;

export function isReplacing(effect: FaultEffect): effect is ReplacingEffect {
  switch (effect.type) {
    case "latency":
    case "hold":
    case "expires_in":
    case "omit_refresh_token":
    case "omit_access_token":
      return false;
    default:
      return true;
  }
}
