import { describe, expect, test } from "vitest";
import { day, startProvider } from "./harness.ts";

describe("a strict RFC 6749 provider", () => {
  test("every refresh rotates", async () => {
    const strict = await startProvider("strict");
    const { refreshToken } = await strict.mintOne({ scopes: "read write" });
    const { json } = await strict.refresh(refreshToken);
    expect(json).toEqual({
      access_token: expect.any(String),
      expires_in: 3600,
      token_type: "Bearer",
      refresh_token: expect.any(String),
      scope: "read write",
    });
    expect(json.refresh_token).not.toBe(refreshToken);
  });

  test("a spent token, presented once more, revokes the whole family at once", async () => {
    const strict = await startProvider("strict");
    const { refreshToken } = await strict.mintOne();
    const next = await strict.refresh(refreshToken);
    expect((await strict.refresh(refreshToken)).json.error).toBe("invalid_grant");
    expect((await strict.refresh(next.json.refresh_token)).json.error).toBe("invalid_grant");
    expect(await strict.auditOne()).toMatchObject({
      alive: false,
      revokedBy: "reuse",
      revokedAt: strict.now(),
      spentPresented: { insideGrace: 0, outsideGrace: 1 },
    });
  });

  test("two requests at once with one token end the grant, since the second presents a spent one", async () => {
    const strict = await startProvider("strict");
    const { refreshToken } = await strict.mintOne();
    const hold = await strict.control.hold({ times: 2 }, "received");
    const both = [strict.refresh(refreshToken), strict.refresh(refreshToken)];
    await strict.control.awaitHeld(hold, 2);
    await strict.control.release(hold);
    const statuses = (await Promise.all(both)).map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 400]);
    expect(await strict.auditOne()).toMatchObject({ alive: false, revokedBy: "reuse", overlaps: 1 });
  });

  test("a token is known as spent after hundreds of rotations, though its times are forgotten", async () => {
    const strict = await startProvider("strict", { reuse: "reject" });
    const { id, refreshToken } = await strict.mintOne();
    let current = refreshToken;
    for (let turn = 0; turn < 300; turn += 1) current = (await strict.refresh(current)).json.refresh_token;
    expect(await strict.control.check({ tokens: [refreshToken, current] })).toMatchObject({
      tokens: [{ verdict: "spent" }, { verdict: "current" }],
    });
    await strict.refresh(refreshToken);
    expect((await strict.auditOne()).spentPresented.outsideGrace).toBe(1);
    expect(strict.simulator.state.grantsById.get(id)?.tokens.size).toBeLessThan(100);
  });

  test("with rotation never, the token is repeated or left out, as switched", async () => {
    const strict = await startProvider("strict", { rotation: "never" });
    const { refreshToken } = await strict.mintOne();
    strict.advance(10 * day);
    expect((await strict.refresh(refreshToken)).json.refresh_token).toBe(refreshToken);
    await strict.control.setRules("strict", { unchangedToken: "omit" });
    const renewed = await strict.refresh(refreshToken);
    expect(renewed.status).toBe(200);
    expect(renewed.json).not.toHaveProperty("refresh_token");
    expect((await strict.control.stats()).kinds.strict).toMatchObject({ renewed: 2, rotated: 0 });
  });
});
