import { describe, expect, test } from "vitest";
import { claimsOf, day, minute, startProvider } from "./harness.ts";

describe("Xero", () => {
  test("every refresh returns a new refresh token and a new access token", async () => {
    const xero = await startProvider("xero");
    const { refreshToken, accessToken } = await xero.mintOne();
    const first = await xero.refresh(refreshToken);
    const second = await xero.refresh(first.json.refresh_token);
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(new Set([refreshToken, first.json.refresh_token, second.json.refresh_token]).size).toBe(3);
    expect(new Set([accessToken, first.json.access_token, second.json.access_token]).size).toBe(3);
  });

  test("a success has exactly the fields and headers that Xero sends", async () => {
    const xero = await startProvider("xero");
    const { refreshToken } = await xero.mintOne({ scopes: "offline_access accounting.settings" });
    const { headers, json } = await xero.refresh(refreshToken);
    expect(json).toEqual({
      access_token: expect.any(String),
      expires_in: 1800,
      token_type: "Bearer",
      refresh_token: expect.any(String),
      scope: "offline_access accounting.settings",
    });
    expect(headers.get("content-type")).toMatch(/^application\/json/);
    expect(headers.get("cache-control")).toContain("no-store");
    expect(headers.get("pragma")).toBe("no-cache");
  });

  test("the access token is a JWT with Xero's claims, its scopes as a list", async () => {
    const xero = await startProvider("xero");
    const { refreshToken } = await xero.mintOne({ scopes: "offline_access accounting.settings" });
    const { json } = await xero.refresh(refreshToken);
    const claims = claimsOf(json.access_token);
    expect(Object.keys(claims)).toEqual(
      expect.arrayContaining([
        "sub",
        "xero_userid",
        "global_session_id",
        "jti",
        "authentication_event_id",
        "auth_time",
      ]),
    );
    expect(claims).toMatchObject({
      exp: Number(claims.nbf) + 1800,
      aud: `${claims.iss}/resources`,
      client_id: "app",
      scope: ["offline_access", "accounting.settings"],
    });
  });

  test("a spent token works again and again until 30 minutes after its first use, then never", async () => {
    const xero = await startProvider("xero");
    const { refreshToken } = await xero.mintOne();
    await xero.refresh(refreshToken);
    xero.advance(10 * minute);
    expect((await xero.refresh(refreshToken)).status).toBe(200);
    xero.advance(20 * minute - 1);
    expect((await xero.refresh(refreshToken)).status).toBe(200);
    xero.advance(1);
    const late = await xero.refresh(refreshToken);
    expect([late.status, late.text]).toEqual([400, '{"error":"invalid_grant"}']);
    expect((await xero.auditOne()).spentPresented).toEqual({ insideGrace: 2, outsideGrace: 1 });
  });

  test("however many refreshes a window of 30 minutes sees, every token spent in it can be retried", async () => {
    const xero = await startProvider("xero");
    const { refreshToken } = await xero.mintOne();
    const spent = [refreshToken];
    for (let turn = 0; turn < 100; turn += 1) spent.push((await xero.refresh(spent.at(-1) ?? "")).json.refresh_token);
    spent.pop();
    const { tokens } = await xero.control.check({ tokens: spent });
    expect(tokens.filter(({ verdict }) => verdict === "grace")).toHaveLength(100);
  });

  test("with new_pair every pair that a retry returned stays usable", async () => {
    const xero = await startProvider("xero", { graceAnswer: "new_pair" });
    const { refreshToken } = await xero.mintOne();
    const first = await xero.refresh(refreshToken);
    const retried = await xero.refresh(refreshToken);
    expect(retried.json.refresh_token).not.toBe(first.json.refresh_token);
    xero.advance(day);
    expect((await xero.refresh(first.json.refresh_token)).status).toBe(200);
    expect((await xero.refresh(retried.json.refresh_token)).status).toBe(200);
  });

  test("with same_pair a retry returns the very pair of the lost answer", async () => {
    const xero = await startProvider("xero", { graceAnswer: "same_pair" });
    const { refreshToken } = await xero.mintOne();
    const first = await xero.refresh(refreshToken);
    xero.advance(minute);
    const retried = await xero.refresh(refreshToken);
    expect(retried.json).toEqual({ ...first.json, expires_in: 1740 });
  });

  test("reuse after the grace window leaves the successor alive", async () => {
    const xero = await startProvider("xero");
    const { refreshToken } = await xero.mintOne();
    const next = await xero.refresh(refreshToken);
    xero.advance(day);
    expect((await xero.refresh(refreshToken)).status).toBe(400);
    expect((await xero.refresh(next.json.refresh_token)).status).toBe(200);
  });

  test("60 days without use end the grant, and each refresh starts the 60 days again", async () => {
    const xero = await startProvider("xero");
    const { refreshToken } = await xero.mintOne();
    xero.advance(60 * day - 1);
    const kept = await xero.refresh(refreshToken);
    xero.advance(60 * day);
    expect(await xero.auditOne()).toMatchObject({ alive: false, revokedBy: "idle", revokedAt: xero.now() });
    expect((await xero.refresh(kept.json.refresh_token)).json).toEqual({ error: "invalid_grant" });
  });

  test.each([400, 401] as const)(
    "a wrong secret answers %i invalid_client, as switched, and spends nothing",
    async (status) => {
      const xero = await startProvider("xero", { invalidClientStatus: status });
      const { refreshToken } = await xero.mintOne();
      await xero.control.register({ id: "app", kind: "xero", secrets: ["changed"] });
      const refused = await xero.refresh(refreshToken);
      expect([refused.status, refused.text]).toEqual([status, '{"error":"invalid_client"}']);
      await xero.control.register({ id: "app", kind: "xero", secrets: ["changed", "s3cret"] });
      expect((await xero.refresh(refreshToken)).status).toBe(200);
      expect(await xero.auditOne()).toMatchObject({ invalidClient: 1, rotations: 1 });
    },
  );
});
