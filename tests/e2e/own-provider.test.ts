import { afterEach, expect, test } from "vitest";
import { start, stopAll, until } from "./process.ts";
import { createWorld, type World } from "./world.ts";

let world: World;
afterEach(async () => {
  await stopAll();
  await world.close();
});

test("a provider that nobody wrote rules for works by a descriptor file alone, with rotation and reuse detection", async () => {
  world = await createWorld({ redis: false, rules: { strict: { accessTokenTtlMs: 4_000 } } });
  await world.addApp({
    id: "own-app",
    kind: "strict",
    provider: "own-books",
    descriptor: {
      clientAuthentication: "post",
      lifetimes: { accessTokenMs: 4_000, inactivityMs: 86_400_000 },
      schedule: { mode: "fresh", leadMs: 2_000, jitterMs: 500 },
      retry: { firstMs: 500, maxMs: 2_000 },
    },
  });
  await world.connect("own-app", 50, "own");
  await start("scheduler", world.env);
  await start("worker", world.keyEnv);
  await until("every grant has rotated three times", async () => {
    const grants = await world.provider.auditGrants("own-app");
    return grants.length === 50 && grants.every((grant) => grant.rotations >= 3);
  });
  expect(await world.provider.audit("own-app")).toMatchObject({
    alive: 50,
    overlaps: 0,
    spentPresented: { insideGrace: 0, outsideGrace: 0 },
    invalidGrantAnswers: 0,
  });
});
