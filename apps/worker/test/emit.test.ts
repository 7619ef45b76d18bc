import { createLogger } from "@evergrant/runtime";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { createEmitter } from "../src/emit.ts";
import type { RefreshReport } from "../src/refresh-connection.ts";

/** The second refusal of a connection: it would end. */
function aReport(result: RefreshReport["result"]): RefreshReport {
  const evidence = { status: 400, requestId: "r", error: "invalid_grant", errorDescription: null };
  const connection = {
    id: "acme",
    mode: "fresh",
    accessTokenExpiresAt: null,
    grantExpiresAt: null,
    grantHardExpiresAt: null,
    strikes: 1,
    firstStrikeAt: 0,
    failures: 1,
    unknownSince: null,
  } as const;
  const failed = {
    kind: "refresh_failed",
    outcome: "rejected",
    reason: "invalid_grant",
    cause: "unexplained",
  } as const;
  return {
    claim: {
      intentId: "intent",
      appId: "app",
      generation: 7,
      refreshToken: new Uint8Array(),
      dueAt: 0,
      claimedAt: 0,
      unsettledSince: null,
      isProbe: false,
      isSpent: false,
      connection,
    },
    provider: "xero",
    outcome: { kind: "rejected", reason: "invalid_grant", retryAfterMs: null, mayHaveRotated: false, evidence },
    decision: {
      ...connection,
      state: "needs_reauth",
      dueAt: null,
      cause: "unexplained",
      events: [
        { ...failed, strikes: 2, failures: 2, retryInMs: null, evidence },
        { kind: "needs_reauth", cause: "unexplained", strikes: 2 },
      ],
    },
    result,
    durationMs: 1,
    settleMs: 1,
    latenessMs: 1,
  };
}

function linesOf(result: RefreshReport["result"]): readonly Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({
    app: "worker",
    level: "info",
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  createEmitter(logger, new Registry())(aReport(result));
  return lines;
}

const eventsOf = (result: RefreshReport["result"]) => linesOf(result).flatMap(({ event }) => event ?? []);

test("a change of state is a line that says whose it is and why", () => {
  expect(eventsOf("settled")).toEqual(["refresh_failed", "needs_reauth"]);
  expect(linesOf("settled")).toContainEqual(
    expect.objectContaining({ event: "needs_reauth", connection: "acme", oauthApp: "app", cause: "unexplained" }),
  );
});

test("a grant that was not ended is not told as ended", () => {
  expect(eventsOf("held")).toEqual(["refresh_failed", "ending_held"]);
});

test.each(["stale", "repeated", "escrowed"] as const)("what changed nothing (%s) is not told as a change", (result) => {
  expect(eventsOf(result)).toEqual([]);
});
