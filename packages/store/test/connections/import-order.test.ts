import { randomInt } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import type { ConnectionToImport } from "../../src/connections/connection-to-import.ts";
import { endGrant, type ImportStore, line, openImportStore } from "./import-store.ts";

test("a batch comes to what its lines come to one after the other", async () => {
  const seed = randomInt(2 ** 31);
  const random = generator(seed);
  const [batched, single] = await Promise.all([openImportStore(), openImportStore()]);
  onTestFinished(async () => {
    await Promise.all([batched.close(), single.close()]);
  });

  for (let round = 0; round < 30; round++) {
    const lines = Array.from({ length: 1 + random(12) }, () => randomLine(random));
    const options = { replace: random(2) === 0 };
    const atOnce = await batched.run(lines, options);
    const oneByOne: string[] = [];
    for (const one of lines) oneByOne.push(...(await single.run([one], options)));
    expect(atOnce, `seed ${seed}, round ${round}`).toEqual(oneByOne);
    expect(await readAll(batched), `seed ${seed}, round ${round}`).toEqual(await readAll(single));

    const id = `id-${random(6)}`;
    if ((await batched.store.prisma.connection.count({ where: { id } })) === 0) continue;
    await Promise.all([endGrant(batched, id), endGrant(single, id)]);
  }
});

/** Few ids and tokens, so that lines meet. */
function randomLine(random: (below: number) => number): ConnectionToImport {
  const appId = ["app", "app", "app", "other", "nowhere"][random(5)] ?? "app";
  return line(`id-${random(6)}`, `token-${random(40)}`, { appId });
}

async function readAll({ store, vault }: ImportStore) {
  const rows = await store.prisma.connection.findMany({
    select: { id: true, appId: true, state: true, tokenSet: true },
    orderBy: { id: "asc" },
  });
  return rows.map(({ id, appId, state, tokenSet }) => {
    if (tokenSet === null) throw new Error(`${id} has no token set`);
    const { generation, refreshToken } = tokenSet;
    return {
      id,
      appId,
      state,
      generation,
      token: vault.openToken({ connectionId: id, field: "refreshToken", generation }, refreshToken),
    };
  });
}

/** Mulberry32: small, and the same numbers for the same seed everywhere. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
