import { describe, expect, test } from "vitest";
import { basic, day, minute, post, startProvider } from "./harness.ts";

const hardHeader = { "x-include-refresh-token-hard-expires-in": "true" };

describe("QuickBooks", () => {
  test("the refresh token keeps its value for 24 hours and changes at the first refresh after", async () => {
    const quickbooks = await startProvider("quickbooks");
    const { refreshToken } = await quickbooks.mintOne();
    quickbooks.advance(day - 1);
    const same = await quickbooks.refresh(refreshToken);
    quickbooks.advance(1);
    const changed = await quickbooks.refresh(refreshToken);
    expect(same.json.refresh_token).toBe(refreshToken);
    expect(same.json.access_token).not.toBe(changed.json.access_token);
    expect(changed.json.refresh_token).not.toBe(refreshToken);
    quickbooks.advance(day - 1);
    expect((await quickbooks.refresh(changed.json.refresh_token)).json.refresh_token).toBe(changed.json.refresh_token);
  });

  test("a success has exactly the fields and headers that Intuit sends", async () => {
    const quickbooks = await startProvider("quickbooks");
    const { refreshToken } = await quickbooks.mintOne();
    const { headers, json } = await quickbooks.refresh(refreshToken);
    expect(json).toEqual({
      x_refresh_token_expires_in: 8_726_400,
      refresh_token: refreshToken,
      access_token: expect.any(String),
      token_type: "bearer",
      expires_in: 3600,
    });
    expect(headers.get("intuit_tid")).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers.get("content-type")).toBe("application/json;charset=UTF-8");
    expect(headers.get("cache-control")).toBe("no-cache, no-store");
    expect(headers.get("strict-transport-security")).toBeTruthy();
  });

  test("the hard expiry is returned only to those who ask with the word true, and is not moved by a refresh", async () => {
    const quickbooks = await startProvider("quickbooks");
    const { refreshToken } = await quickbooks.mintOne();
    quickbooks.advance(10_000);
    const asked = await quickbooks.refresh(refreshToken, hardHeader);
    expect(asked.json.x_refresh_token_hard_expires_in).toBe(157_680_000 - 10);
    const otherwise = await quickbooks.refresh(refreshToken, { "x-include-refresh-token-hard-expires-in": "1" });
    expect(otherwise.json).not.toHaveProperty("x_refresh_token_hard_expires_in");
  });

  test("the soft expiry rolls with every refresh until the hard one caps it, which then ends the grant", async () => {
    const quickbooks = await startProvider("quickbooks", { idleTtlMs: 100 * day, hardTtlMs: 150 * day });
    const { refreshToken } = await quickbooks.mintOne();
    quickbooks.advance(day / 2);
    const rolled = await quickbooks.refresh(refreshToken);
    expect(rolled.json.refresh_token).toBe(refreshToken);
    expect(rolled.json.x_refresh_token_expires_in).toBe((100 * day) / 1000);
    quickbooks.advance(89.5 * day);
    const capped = await quickbooks.refresh(rolled.json.refresh_token, hardHeader);
    expect(capped.json.x_refresh_token_expires_in).toBe((60 * day) / 1000);
    expect(capped.json.x_refresh_token_hard_expires_in).toBe((60 * day) / 1000);
    quickbooks.advance(60 * day);
    expect((await quickbooks.refresh(capped.json.refresh_token)).json.error).toBe("invalid_grant");
    expect(await quickbooks.auditOne()).toMatchObject({ alive: false, revokedBy: "hard" });
  });

  test("the old value dies with its change", async () => {
    const quickbooks = await startProvider("quickbooks");
    const { refreshToken } = await quickbooks.mintOne();
    quickbooks.advance(day);
    const next = await quickbooks.refresh(refreshToken);
    expect((await quickbooks.refresh(refreshToken)).json.error).toBe("invalid_grant");
    expect((await quickbooks.refresh(next.json.refresh_token)).status).toBe(200);
  });

  test("with a grace of 24 hours the old value leads to the new one, however late the retry", async () => {
    const quickbooks = await startProvider("quickbooks", { graceMs: day });
    const { refreshToken } = await quickbooks.mintOne();
    quickbooks.advance(day);
    const next = await quickbooks.refresh(refreshToken);
    quickbooks.advance(day - 1);
    const retried = await quickbooks.refresh(refreshToken);
    expect(retried.json.refresh_token).toBe(next.json.refresh_token);
    expect(retried.json.access_token).not.toBe(next.json.access_token);
    expect(retried.json.expires_in).toBe(3600);
  });

  test("invalid_grant comes in every wording, without a description too, always with an intuit_tid", async () => {
    const quickbooks = await startProvider("quickbooks");
    const answers = [];
    for (let turn = 0; turn < 4; turn += 1) answers.push(await quickbooks.refresh("AB11never-issued"));
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400]);
    expect(answers.map(({ json }) => json.error_description)).toEqual([
      undefined,
      "Incorrect or invalid refresh token",
      "Token invalid",
      undefined,
    ]);
    expect(answers[0]?.text).toHaveLength(25);
    expect(new Set(answers.map(({ headers }) => headers.get("intuit_tid"))).size).toBe(4);
  });

  test("another app's keys are told so, and the grant survives them", async () => {
    const quickbooks = await startProvider("quickbooks");
    await quickbooks.control.register({
      id: "sandbox-app",
      kind: "quickbooks",
      secrets: ["x"],
      environment: "sandbox",
    });
    const { refreshToken } = await quickbooks.mintOne();
    quickbooks.advance(2 * day);
    const form = { grant_type: "refresh_token", refresh_token: refreshToken };
    const refused = await post(quickbooks.tokenUrl, form, basic("sandbox-app", "x"));
    expect(refused.status).toBe(400);
    expect(refused.json).toEqual({ error: "invalid_grant", error_description: "Incorrect Token type or clientID" });
    expect((await quickbooks.auditOne()).rotations).toBe(0);
    expect((await quickbooks.refresh(refreshToken)).status).toBe(200);
  });

  test("an access token sent as a refresh token is told so", async () => {
    const quickbooks = await startProvider("quickbooks");
    const { accessToken } = await quickbooks.mintOne();
    expect((await quickbooks.refresh(accessToken)).json.error_description).toBe("Incorrect Token type or clientID");
  });

  test("a wrong secret answers 401 invalid_client and names the scheme", async () => {
    const quickbooks = await startProvider("quickbooks");
    const { refreshToken } = await quickbooks.mintOne();
    const refused = await quickbooks.refresh(refreshToken, basic("app", "wrong"));
    expect([refused.status, refused.text]).toEqual([401, '{"error":"invalid_client"}']);
    expect(refused.headers.get("www-authenticate")).toMatch(/^Basic realm=/);
    expect(refused.headers.get("intuit_tid")).toBeTruthy();
  });

  test("of two requests at once the first wins and the second is refused without harm", async () => {
    const quickbooks = await startProvider("quickbooks");
    const { refreshToken } = await quickbooks.mintOne();
    const hold = await quickbooks.control.hold({ times: 1 }, "received");
    const first = quickbooks.refresh(refreshToken);
    await quickbooks.control.awaitHeld(hold);
    expect((await quickbooks.refresh(refreshToken)).json.error).toBe("invalid_grant");
    await quickbooks.control.release(hold);
    expect((await first).status).toBe(200);
    expect(await quickbooks.auditOne()).toMatchObject({ alive: true, overlaps: 1, rejected: 1 });
  });

  test("with revoke_family two requests at once end the grant", async () => {
    const quickbooks = await startProvider("quickbooks", { parallelUse: "revoke_family" });
    const { refreshToken } = await quickbooks.mintOne();
    const hold = await quickbooks.control.hold({ times: 1 }, "received");
    const first = quickbooks.refresh(refreshToken);
    await quickbooks.control.awaitHeld(hold);
    expect((await quickbooks.refresh(refreshToken)).status).toBe(400);
    await quickbooks.control.release(hold);
    expect((await first).status).toBe(400);
    quickbooks.advance(minute);
    expect(await quickbooks.auditOne()).toMatchObject({ alive: false, revokedBy: "reuse", working: [] });
  });
});
