import type { ProviderDescriptor } from "@evergrant/core";
import { quickbooks, resolveDescriptor, xero } from "@evergrant/providers";
import type { ProviderKind } from "@evergrant/testkit/rules";

/** One OAuth app for each kind of provider that the simulator plays. */
export const APP_IDS = ["xero", "quickbooks", "strict"] as const satisfies readonly ProviderKind[];
export type AppId = (typeof APP_IDS)[number];

const DAY_MS = 86_400_000;

/** A provider of the user's own: single use, replay ends the grant, 30 days without use end it too. */
const strict = resolveDescriptor("strict", {
  tokenUrl: "https://127.0.0.1/token",
  lifetimes: { accessTokenMs: 3_600_000, inactivityMs: 30 * DAY_MS },
  schedule: { mode: "keepalive", keepaliveMs: DAY_MS, safetyMarginMs: 7 * DAY_MS },
});

/** As production uses them: every lifetime, lead, backoff and window is the real one. */
export const DESCRIPTORS: Readonly<Record<AppId, ProviderDescriptor>> = { xero, quickbooks, strict };
