import { describe, expect, test } from "vitest";
import type { AppStatus } from "../src/status/status.ts";
import { judgeFleet } from "../src/status/verdict.ts";
import { aFleet, anApp } from "./a-fleet.ts";

const verdictOn = (...apps: AppStatus[]) => judgeFleet(aFleet(apps), true);
const lastHour = (refreshes: number) => ({ ...anApp().lastHour, refreshes });

test("a fleet without faults is well, in words", () => {
  expect(verdictOn(anApp())).toEqual({
    level: "well",
    headline: "All is well: 10 active connections, no expired access token.",
    findings: [],
  });
});

test("customers who left are worth a note and no alarm", () => {
  const { level, findings } = verdictOn(anApp({ needsReauth: 3, ending: { days7: 1, days30: 1, days90: 1 } }));
  expect(level).toBe("well");
  expect(findings).toEqual([
    { level: "note", text: "3 connections wait for the customer to authorize again." },
    { level: "note", text: "1 grant ends within 7 days whatever is refreshed: ask for a new authorization." },
  ]);
});

test("a fleet without connections is neither well nor ill", () => {
  expect(verdictOn()).toMatchObject({ level: "empty", headline: "Nothing to refresh yet: no OAuth app." });
  const idle = anApp({ active: { fresh: 0, keepalive: 0, off: 0 }, scanLagMs: 3_600_000 });
  expect(verdictOn(idle)).toMatchObject({ level: "empty", headline: "Nothing to refresh yet: no connection." });
});

test("without the database nothing is claimed", () => {
  expect(judgeFleet(null, true)).toMatchObject({ level: "unknown", findings: [] });
  const [finding] = judgeFleet(null, true, 12).findings;
  expect(finding?.text).toMatch(/^12 refreshes wait in the escrow/);
});

describe.each([
  ["an expired access token", { stale: 1 }, "trouble", "1 connection of xero-prod holds an expired access token."],
  [
    "a breaker that is open for the app's own fault",
    { breaker: { state: "open", reason: "misconfigured", changedAt: new Date("2026-11-21T09:55:00Z") } },
    "trouble",
    "The breaker of xero-prod is open for 5 min (misconfigured): the provider refuses the app itself, so nothing of it is refreshed. Check its client id, secret and environment: evergrant breaker list",
  ],
  [
    "a breaker that is open for a wave, its probe under way",
    { breaker: { state: "half_open", reason: "rejections", changedAt: new Date("2026-11-21T09:00:00Z") } },
    "trouble",
    "The breaker of xero-prod is open for 1 h (rejections): too many grants were refused at once to be their customers' doing, so nothing of it is refreshed and none is ended. Mend the cause, or accept it: evergrant breaker list",
  ],
  [
    "a breaker that is open for a reason of another version",
    { breaker: { state: "open", reason: "other", changedAt: null } },
    "trouble",
    "The breaker of xero-prod is open (other): nothing of it is refreshed. What to do: evergrant breaker list",
  ],
  [
    "a silent scheduler",
    { scanLagMs: 60_000 },
    "trouble",
    "No scheduler has looked at xero-prod for 60 s: is one running?",
  ],
  [
    "a wave of invalid_grant",
    { lastHourOutcomes: { rotated: 80, rejected: 20 } },
    "trouble",
    "20% of the last hour's refreshes of xero-prod were answered with invalid_grant: so many at once are seldom the customers' doing.",
  ],
  [
    "a wrong client secret",
    { lastHourOutcomes: { misconfigured: 100 } },
    "trouble",
    "100% of the last hour's refreshes of xero-prod were refused because of the app: check its client id, secrets and environment.",
  ],
  [
    "a provider that does not answer",
    { lastHourOutcomes: { rotated: 70, unavailable: 10, ambiguous: 10, throttled: 10 } },
    "attention",
    "30% of the last hour's refreshes of xero-prod got no useful answer from the provider.",
  ],
  [
    "lateness",
    { overdue: 7, oldestDueAgeMs: 120_000 },
    "attention",
    "7 connections of xero-prod wait for a refresh, one for 2 min.",
  ],
  [
    "an abandoned refresh",
    { abandonedIntents: 1, oldestIntentAgeMs: 120_000 },
    "attention",
    "1 refresh of xero-prod ended without a known outcome and waits to be taken over.",
  ],
] as const)("%s", (_name, fault, level, text) => {
  test("is named", () => {
    expect(verdictOn(anApp(fault))).toEqual({ level, headline: text, findings: [{ level, text }] });
  });
});

describe("what is still in order", () => {
  test.each([
    ["a scheduler that looked a moment ago", { scanLagMs: 59_999 }],
    ["a little lateness", { overdue: 500, oldestDueAgeMs: 119_999 }],
    ["a refresh that was abandoned just now", { abandonedIntents: 1, oldestIntentAgeMs: 119_999 }],
    ["single refusals", { lastHourOutcomes: { rotated: 81, rejected: 19 } }],
    ["two refusals in a quiet hour", { lastHourOutcomes: { rotated: 1, rejected: 8 }, lastHour: lastHour(9) }],
    [
      "a silent scheduler where nobody wants a refresh",
      { scanLagMs: 600_000, active: { fresh: 0, keepalive: 0, off: 5 } },
    ],
  ] as const)("%s is no fault", (_name, changes) => {
    expect(verdictOn(anApp(changes)).level).toBe("well");
  });
});

test("the worst comes first, a queue that is away before all", () => {
  const late = anApp({ appId: "a", oldestDueAgeMs: 600_000, overdue: 2 });
  const stale = anApp({ appId: "b", stale: 2 });
  const { level, headline, findings } = judgeFleet(aFleet([late, stale]), false);
  expect(level).toBe("trouble");
  expect(headline).toBe("The queue does not answer: until it is back nothing is refreshed, and nothing is lost.");
  expect(findings.map((finding) => finding.text)).toEqual([
    headline,
    "2 connections of b hold an expired access token.",
    "2 connections of a wait for a refresh, one for 10 min.",
  ]);
});

test("one scheduler that is down is said once, however many apps there are", () => {
  const apps = ["a", "b", "c"].map((appId, index) => anApp({ appId, scanLagMs: 180_000 + index }));
  expect(verdictOn(...apps).findings).toEqual([
    { level: "trouble", text: "No scheduler has looked at any app for 3 min: is one running?" },
  ]);
});
