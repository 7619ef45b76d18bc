import type { ProviderDescriptor } from "@evergrant/core";
import { describe, expect, test } from "vitest";
import { quickbooks, refresh, resolveDescriptor, xero } from "../src/index.ts";
import { CLIENT_SECRET, openClient, REFRESH_TOKEN, requestTo } from "./support/refresh-at.ts";
import { reply, startTokenEndpoint } from "./support/token-endpoint.ts";

const TID = "1-6740a1b2-0123456789abcdef01234567";
const YEARS_5_S = 156_032_154;

async function ask(provider: ProviderDescriptor, ...[status, body, headers]: Parameters<typeof reply>) {
  const endpoint = await startTokenEndpoint(reply(status, body, headers));
  const descriptor = resolveDescriptor(provider.provider, { tokenUrl: endpoint.url });
  const { outcome } = await refresh(requestTo(descriptor, openClient()));
  return { outcome, request: endpoint.requests[0] };
}

describe("Xero", () => {
  test("every refresh rotates", async () => {
    const body = {
      access_token: "access-2",
      expires_in: 1800,
      token_type: "Bearer",
      refresh_token: "refresh-2",
      scope: "offline_access",
    };
    const { outcome, request } = await ask(xero, 200, body);
    expect(outcome).toMatchObject({
      kind: "rotated",
      tokens: {
        accessToken: "access-2",
        refreshToken: "refresh-2",
        expiresInMs: 1_800_000,
        refreshTokenExpiresInMs: null,
      },
    });
    expect(request?.headers).not.toHaveProperty("x-include-refresh-token-hard-expires-in");
  });

  test.each([
    [400, "invalid_client", "misconfigured"],
    [401, "invalid_client", "misconfigured"],
    [400, "unauthorized_client", "misconfigured"],
    [400, "unsupported_grant_type", "misconfigured"],
    [400, "invalid_request", "misconfigured"],
    [400, "invalid_grant", "rejected"],
  ])("%i %s is %s", async (status, error, kind) => {
    const { outcome } = await ask(xero, status, { error });
    expect(outcome).toMatchObject({ kind, reason: error, mayHaveRotated: false, evidence: { status, error } });
  });
});

describe("QuickBooks", () => {
  const answer = {
    access_token: "access-2",
    refresh_token: "refresh-2",
    token_type: "bearer",
    expires_in: 3600,
    x_refresh_token_expires_in: 8_726_400,
    x_refresh_token_hard_expires_in: YEARS_5_S,
  };

  test("the hard cap is asked for and read, and intuit_tid is kept", async () => {
    const { outcome, request } = await ask(quickbooks, 200, answer, { intuit_tid: TID });
    expect(request?.headers["x-include-refresh-token-hard-expires-in"]).toBe("true");
    expect(outcome).toMatchObject({
      kind: "rotated",
      tokens: {
        expiresInMs: 3_600_000,
        refreshTokenExpiresInMs: 8_726_400_000,
        refreshTokenHardExpiresInMs: YEARS_5_S * 1000,
      },
      evidence: { requestId: TID },
    });
  });

  test("the same value within 24 hours is a renewal: ours stays", async () => {
    const { outcome } = await ask(quickbooks, 200, { ...answer, refresh_token: REFRESH_TOKEN });
    expect(outcome).toMatchObject({ kind: "renewed", tokens: { accessToken: "access-2", refreshToken: null } });
  });

  test.each<[number, unknown, string]>([
    [400, { error: "invalid_grant" }, "rejected"],
    [400, { error: "invalid_grant", error_description: "Incorrect or invalid refresh token" }, "rejected"],
    [400, { error: "invalid_grant", error_description: "Token invalid" }, "rejected"],
    [400, { error: "invalid_grant", error_description: "Incorrect Token type or clientID" }, "misconfigured"],
    [401, { error: "invalid_grant", error_description: "incorrect token type or clientid." }, "misconfigured"],
    [400, { error: "invalid_grant", error_description: "Invalid authorization code" }, "rejected"],
    [401, { error: "invalid_client" }, "misconfigured"],
    [400, { error: "unsupported_grant_type" }, "misconfigured"],
    [503, { error: "invalid_request" }, "unavailable"],
    [504, "<html>Gateway Time-out</html>", "unavailable"],
  ])("%i %j is %s", async (status, body, kind) => {
    const { outcome } = await ask(quickbooks, status, body, { intuit_tid: TID });
    expect(outcome).toMatchObject({ kind, evidence: { requestId: TID } });
  });
});

test("a provider that echoes what it was sent finds no echo in our evidence", async () => {
  const { outcome } = await ask(quickbooks, 400, {
    error: "invalid_grant",
    error_description: `token ${REFRESH_TOKEN} with secret ${CLIENT_SECRET} is not valid`,
  });
  expect(outcome.evidence.errorDescription).toBe("token [removed] with secret [removed] is not valid");
});
