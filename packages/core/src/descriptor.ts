import type { BreakerPolicy } from "./breaker.ts";
import type { OutcomeKind } from "./outcome.ts";

/** When an access token is wanted: always valid, only the grant kept alive, or never refreshed. */
export type RefreshMode = "fresh" | "keepalive" | "off";

export const REFRESH_MODES: readonly RefreshMode[] = ["fresh", "keepalive", "off"];

/**
 * Everything Evergrant knows of a provider, as data. Xero and QuickBooks are two of these; a user's
 * own provider is a file with the same fields. Durations are milliseconds.
 */
export interface ProviderDescriptor {
  /** Name used in metrics and on screens, such as `xero`. */
  readonly provider: string;
  readonly tokenUrl: string;
  readonly clientAuthentication: ClientAuthentication;
  /** Headers added to each token request. */
  readonly requestHeaders: Readonly<Record<string, string>>;
  /** Form fields added to each token request. */
  readonly requestParameters: Readonly<Record<string, string>>;
  readonly fields: AnswerFields;
  /** Answer header that carries the provider's own request id. */
  readonly requestIdHeader: string | null;
  /** Tried in order before the rules of RFC 6749; the first that matches decides. */
  readonly errorRules: readonly ErrorRule[];
  readonly lifetimes: Lifetimes;
  /**
   * How long a spent refresh token may be presented again after its answer was lost; 0 where the
   * provider documents no such window.
   */
  readonly graceMs: number;
  readonly schedule: Schedule;
  readonly retry: Retry;
  /** Time between the two `invalid_grant` answers that end a grant. */
  readonly strikeGapMs: number;
  readonly breaker: BreakerPolicy;
  /** After this silence a sent request counts as lost. Far above what any gateway waits for. */
  readonly answerTimeoutMs: number;
}

/** `basic`: RFC 6749 section 2.3.1 header; `post`: id and secret in the form; `none`: public client, id only. */
export type ClientAuthentication = "basic" | "post" | "none";

/** Names of the answer's fields; null where the provider sends none. Expiries are seconds from now. */
export interface AnswerFields {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresIn: string;
  /** Seconds until an unused refresh token lapses. */
  readonly refreshTokenExpiresIn: string | null;
  /** Seconds until the grant ends whatever happens. */
  readonly refreshTokenHardExpiresIn: string | null;
  readonly error: string;
  readonly errorDescription: string;
}

/** All conditions given must hold. */
export interface ErrorRule {
  readonly status?: number;
  readonly error?: string;
  /** Case-insensitive part of the description. */
  readonly descriptionIncludes?: string;
  readonly outcome: Exclude<OutcomeKind, "rotated" | "renewed">;
}

export interface Lifetimes {
  /** Used when an answer has no usable `expires_in`: a missing expiry never means "never". */
  readonly accessTokenMs: number;
  /** An unused grant lapses after this; null where none is known. */
  readonly inactivityMs: number | null;
}

export interface Schedule {
  /** Mode of a connection that names none. */
  readonly mode: RefreshMode;
  /** `fresh`: how long before expiry a refresh is due. */
  readonly leadMs: number;
  /** `fresh` and `keepalive`: width of the stable spread by connection id, taken off the due time. */
  readonly jitterMs: number;
  /** `keepalive`: time between refreshes. */
  readonly keepaliveMs: number;
  /** `keepalive`: never later than this before the grant would lapse. */
  readonly safetyMarginMs: number;
}

export interface Retry {
  readonly firstMs: number;
  readonly maxMs: number;
}
