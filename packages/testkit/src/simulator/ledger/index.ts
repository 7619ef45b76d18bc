/** What a provider does with a refresh token, as pure functions: for simulations that bring their own clock. */
export { createGrant, type Ending, endGrant, type Grant, type RefreshToken } from "./grant.ts";
export { hardExpiresAt, idleExpiresAt, insideGrace, isAccepted, judgeToken, lifeOf } from "./judge-token.ts";
export { presentToken } from "./present-token.ts";
export { type ProviderKind, type ProviderRules, type RulesByKind, startingRules } from "./provider-rules.ts";
export { type Random, seededRandom } from "./random.ts";
