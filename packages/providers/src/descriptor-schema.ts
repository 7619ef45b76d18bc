import { OUTCOME_KINDS, type OutcomeKind, REFRESH_MODES } from "@evergrant/core";
import { z } from "zod";
import { duration } from "./duration.ts";
import { headerName, requestHeaders, requestParameters } from "./request-extras.ts";
import { tokenUrlFault } from "./token-url.ts";

const SECOND_MS = 1_000;

/** Names become metric labels and queue names. */
export const providerName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,31}$/, "must be a short name of lower-case letters, digits, - and _, such as acme-books");

const fieldName = z.string().min(1, "must not be empty").max(100, "must have 100 characters or fewer");

const fields = z.strictObject({
  accessToken: fieldName.optional(),
  refreshToken: fieldName.optional(),
  expiresIn: fieldName.optional(),
  refreshTokenExpiresIn: fieldName.nullable().optional(),
  refreshTokenHardExpiresIn: fieldName.nullable().optional(),
  error: fieldName.optional(),
  errorDescription: fieldName.optional(),
});

const failureKinds = OUTCOME_KINDS.filter(
  (kind): kind is Exclude<OutcomeKind, "rotated" | "renewed"> => kind !== "rotated" && kind !== "renewed",
);

const errorRule = z
  .strictObject({
    status: z
      .int("must be an HTTP status")
      .min(100, "must be an HTTP status")
      .max(599, "must be an HTTP status")
      .optional(),
    error: z.string().min(1, "must not be empty").optional(),
    descriptionIncludes: z.string().min(1, "must not be empty").optional(),
    outcome: z.enum(failureKinds),
  })
  .refine(
    (rule) => rule.status !== undefined || rule.error !== undefined || rule.descriptionIncludes !== undefined,
    "needs a condition: status, error or descriptionIncludes",
  );

const lifetimes = z.strictObject({
  accessTokenMs: duration({ leastMs: SECOND_MS }).optional(),
  inactivityMs: duration({ leastMs: SECOND_MS }).nullable().optional(),
});

const schedule = z.strictObject({
  mode: z.enum(REFRESH_MODES).optional(),
  leadMs: duration({ leastMs: 0 }).optional(),
  jitterMs: duration({ leastMs: 0 }).optional(),
  keepaliveMs: duration({ leastMs: SECOND_MS }).optional(),
  safetyMarginMs: duration({ leastMs: 0 }).optional(),
});

const retry = z.strictObject({
  firstMs: duration({ leastMs: 100 }).optional(),
  maxMs: duration({ leastMs: 100 }).optional(),
});

const breaker = z.strictObject({
  windowMs: duration({ leastMs: SECOND_MS }).optional(),
  leastRejected: z.int("must be a whole number").min(1, "must be at least 1").optional(),
  rejectedShare: z.number("must be a number").gt(0, "must be above 0").max(1, "must be at most 1").optional(),
  acceptedShare: z.number("must be a number").gt(0, "must be above 0").max(1, "must be at most 1").optional(),
  acceptedForMs: duration({ leastMs: 0 }).optional(),
  leastMisconfigured: z.int("must be a whole number").min(1, "must be at least 1").optional(),
  probeMs: duration({ leastMs: 100 }).optional(),
  vouchWithinMs: duration({ leastMs: 0 }).optional(),
  vouchWithinRefusals: z.int("must be a whole number").min(0, "must be at least 0").optional(),
});

/** A descriptor as a file or an OAuth app's row holds it: what differs from the built-in or the defaults. */
export const descriptorSchema = z.strictObject({
  provider: providerName.optional(),
  tokenUrl: z
    .string()
    .superRefine((text, context) => {
      const fault = tokenUrlFault(text);
      if (fault !== null) context.addIssue({ code: "custom", message: fault });
    })
    .optional(),
  clientAuthentication: z.enum(["basic", "post", "none"]).optional(),
  requestHeaders: requestHeaders.optional(),
  requestParameters: requestParameters.optional(),
  fields: fields.optional(),
  requestIdHeader: headerName.nullable().optional(),
  errorRules: z.array(errorRule).optional(),
  lifetimes: lifetimes.optional(),
  graceMs: duration({ leastMs: 0 }).optional(),
  schedule: schedule.optional(),
  retry: retry.optional(),
  strikeGapMs: duration({ leastMs: 0 }).optional(),
  breaker: breaker.optional(),
  // Too short a wait cuts off customers whose tokens had rotated; too long a one leaves them stale.
  answerTimeoutMs: duration({ leastMs: SECOND_MS, mostMs: 600 * SECOND_MS }).optional(),
});

export type DescriptorOverrides = z.output<typeof descriptorSchema>;

/** The names that each part of a descriptor knows, by its place; for suggesting the one that was meant. */
export const KNOWN_FIELDS: Readonly<Record<string, readonly string[]>> = {
  "": Object.keys(descriptorSchema.shape),
  fields: Object.keys(fields.shape),
  errorRules: Object.keys(errorRule.shape),
  lifetimes: Object.keys(lifetimes.shape),
  schedule: Object.keys(schedule.shape),
  retry: Object.keys(retry.shape),
  breaker: Object.keys(breaker.shape),
};
