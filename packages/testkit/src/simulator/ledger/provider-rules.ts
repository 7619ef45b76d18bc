import { z } from "zod";

/** The providers that the simulator plays. `strict` is a generic RFC 6749 server with reuse detection. */
export const providerKinds = ["xero", "quickbooks", "strict"] as const;
export type ProviderKind = (typeof providerKinds)[number];
export type RulesByKind = Record<ProviderKind, ProviderRules>;
export type RulesPatch = { [Rule in keyof ProviderRules]?: ProviderRules[Rule] | undefined };

const durationMs = z.number().int().min(0);

/** Shape of one provider's rules, as given in options, in `--rules` and to `PATCH /control/rules/:kind`. */
const providerRulesSchema = z.strictObject({
  /** Whole seconds reach the client, so less than one second would read as 0. */
  accessTokenTtlMs: z.number().int().min(1000),
  rotation: z.enum(["always", "interval", "never"]),
  /** With rotation `interval`: the age at which a refresh token is replaced at its next use. */
  rotationIntervalMs: durationMs,
  /** How long a spent refresh token still works, counted from its first use. */
  graceMs: durationMs,
  graceAnswer: z.enum(["new_pair", "same_pair"]),
  /** What presenting a spent token outside the grace window does. */
  reuse: z.enum(["reject", "revoke_family"]),
  /** What a second request for a grant does while a first one is being served. */
  parallelUse: z.enum(["allow", "second_rejected", "revoke_family"]),
  idleTtlMs: durationMs.nullable(),
  hardTtlMs: durationMs.nullable(),
  /** Whether an unchanged refresh token is repeated in the answer or left out (RFC 6749 section 6 allows both). */
  unchangedToken: z.enum(["repeat", "omit"]),
  /** Used in turn; null is an answer without `error_description`. */
  invalidGrantDescriptions: z.array(z.string().nullable()).min(1),
  /** Wording of `invalid_grant` when a valid client presents another client's token, or an access token. */
  wrongClientDescription: z.string().nullable(),
  clientAuth: z.array(z.enum(["basic", "post"])).min(1),
  invalidClientStatus: z.union([z.literal(400), z.literal(401)]),
  /**
   * Xero's access token is a JWT that its clients treat as opaque. A true RS256 signature takes about 0.4 ms, which
   * would make the simulator the slowest part of a benchmark: by default the signature is filler of the right length.
   */
  signAccessTokens: z.boolean(),
});
export type ProviderRules = z.infer<typeof providerRulesSchema>;

export const rulesPatchSchema = providerRulesSchema.partial();

/** Rules for some of the kinds: the shape of the `rules` option and of `--rules`. */
export const rulesByKindPatchSchema = z.strictObject({
  xero: rulesPatchSchema.optional(),
  quickbooks: rulesPatchSchema.optional(),
  strict: rulesPatchSchema.optional(),
});
export type RulesByKindPatch = { [Kind in ProviderKind]?: RulesPatch | undefined };

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** The rules as the providers publish them, with unscaled lifetimes. */
const publishedRules: RulesByKind = {
  // developer.xero.com/faq/oauth2: 30 min access, 60 days unused, a lost reply can be retried for 30 min.
  xero: {
    accessTokenTtlMs: 30 * minute,
    rotation: "always",
    rotationIntervalMs: 0,
    graceMs: 30 * minute,
    graceAnswer: "new_pair",
    reuse: "reject",
    parallelUse: "allow",
    idleTtlMs: 60 * day,
    hardTtlMs: null,
    unchangedToken: "repeat",
    invalidGrantDescriptions: [null],
    wrongClientDescription: null,
    clientAuth: ["basic", "post"],
    invalidClientStatus: 400,
    signAccessTokens: false,
  },
  // Intuit: value kept for about 24 h, 101 days unused, 5 years in all; parallel use may be judged a compromise.
  quickbooks: {
    accessTokenTtlMs: hour,
    rotation: "interval",
    rotationIntervalMs: day,
    graceMs: 0,
    graceAnswer: "same_pair",
    reuse: "reject",
    parallelUse: "second_rejected",
    idleTtlMs: 8_726_400 * second,
    hardTtlMs: 157_680_000 * second,
    unchangedToken: "repeat",
    invalidGrantDescriptions: [null, "Incorrect or invalid refresh token", "Token invalid"],
    wrongClientDescription: "Incorrect Token type or clientID",
    clientAuth: ["basic", "post"],
    invalidClientStatus: 401,
    signAccessTokens: false,
  },
  // RFC 9700 section 4.14: rotation on every use, replay of a retired token ends the whole family.
  strict: {
    accessTokenTtlMs: hour,
    rotation: "always",
    rotationIntervalMs: 0,
    graceMs: 0,
    graceAnswer: "new_pair",
    reuse: "revoke_family",
    parallelUse: "allow",
    idleTtlMs: 30 * day,
    hardTtlMs: null,
    unchangedToken: "repeat",
    invalidGrantDescriptions: ["The refresh token is invalid, expired or revoked"],
    wrongClientDescription: "The refresh token was issued to another client",
    clientAuth: ["basic", "post"],
    invalidClientStatus: 401,
    signAccessTokens: false,
  },
};

/**
 * The rules in force at start: published lifetimes divided by `scale` (60 turns minutes into seconds), then `patch`,
 * whose durations are taken as they are.
 */
export function startingRules(scale: number, patch: RulesByKindPatch): RulesByKind {
  const starting = (kind: ProviderKind) => patchRules(scaleRules(publishedRules[kind], scale), patch[kind] ?? {});
  return { xero: starting("xero"), quickbooks: starting("quickbooks"), strict: starting("strict") };
}

/** `rules` with the given fields replaced. Throws a ZodError when the result breaks the schema. */
export function patchRules(rules: ProviderRules, patch: RulesPatch): ProviderRules {
  const given = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined));
  return providerRulesSchema.parse({ ...rules, ...given });
}

function scaleRules(rules: ProviderRules, scale: number): ProviderRules {
  const scaled = (ms: number) => Math.round(ms / scale);
  return {
    ...rules,
    accessTokenTtlMs: Math.max(second, scaled(rules.accessTokenTtlMs)),
    rotationIntervalMs: scaled(rules.rotationIntervalMs),
    graceMs: scaled(rules.graceMs),
    idleTtlMs: rules.idleTtlMs === null ? null : scaled(rules.idleTtlMs),
    hardTtlMs: rules.hardTtlMs === null ? null : scaled(rules.hardTtlMs),
  };
}
