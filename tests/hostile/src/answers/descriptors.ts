import type { ProviderDescriptor } from "@evergrant/core";
import { quickbooks, resolveDescriptor, xero } from "@evergrant/providers";
import fc from "fast-check";

const tokenUrl = "https://127.0.0.1/token";

/** The built-in providers, and such as a user may describe, well or badly. All of them pass the descriptor's own checks. */
export const descriptors: readonly ProviderDescriptor[] = [
  { ...xero },
  { ...quickbooks },
  resolveDescriptor("plain", { tokenUrl }),
  resolveDescriptor("own-names", {
    tokenUrl,
    fields: {
      accessToken: "token",
      refreshToken: "next",
      expiresIn: "ttl",
      refreshTokenExpiresIn: "left",
      error: "code",
    },
    requestIdHeader: "x-request-id",
    errorRules: [
      { status: 200, error: "invalid_client", outcome: "rejected" },
      { descriptionIncludes: "a", outcome: "throttled" },
    ],
    lifetimes: { accessTokenMs: 1_000, inactivityMs: 1_000 },
    schedule: { leadMs: 0, jitterMs: 0, keepaliveMs: 1_000, safetyMarginMs: 0 },
    retry: { firstMs: 100, maxMs: 100 },
    strikeGapMs: 0,
  }),
  resolveDescriptor("names-of-objects", {
    tokenUrl,
    fields: { accessToken: "constructor", refreshToken: "toString", expiresIn: "__proto__", error: "valueOf" },
    requestIdHeader: "constructor",
  }),
  resolveDescriptor("one-name-for-all", {
    tokenUrl,
    fields: { accessToken: "x", refreshToken: "x", expiresIn: "x", error: "x", errorDescription: "x" },
    requestIdHeader: "__proto__",
  }),
];

for (const descriptor of descriptors) {
  // In a counterexample the name says enough.
  const value = () => `the descriptor of ${descriptor.provider}`;
  Object.defineProperty(descriptor, fc.toStringMethod, { value, enumerable: false });
}

const [, , plain] = descriptors;
/** Mostly those that most answers are made for. */
export const anyDescriptor: fc.Arbitrary<ProviderDescriptor> = fc.constantFrom(
  ...descriptors,
  ...(plain === undefined ? [] : [plain, plain, plain, plain]),
);
