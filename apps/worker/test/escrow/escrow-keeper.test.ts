import type { EscrowEntry } from "@evergrant/store/escrow";
import { describe, expect, test } from "vitest";
import { createEscrowKeeper } from "../../src/escrow/escrow-keeper.ts";
import { aSettlement } from "./a-settlement.ts";

/** Says what was sealed instead of hiding it, and opens it in its own place only. */
const vault = {
  sealSettlement: (id: string, text: string) => new Uint8Array(Buffer.from(`${id}|${text}`)),
  openSettlement: (id: string, sealed: Uint8Array) => {
    const text = Buffer.from(sealed).toString();
    if (!text.startsWith(`${id}|`)) throw new Error("does not open");
    return text.slice(id.length + 1);
  },
};

function keeper() {
  const entries = new Map<string, Uint8Array>();
  const place = { isAway: false };
  const unreadable: string[] = [];
  const escrow = {
    hasPlace: true,
    put: async (given: readonly EscrowEntry[]) => void given.map(({ id, sealed }) => entries.set(id, sealed)),
    readAll: async () => ({
      entries: [...entries].map(([id, sealed]) => ({ id, sealed })),
      complete: true,
      faults: [],
    }),
    remove: async (ids: readonly string[]) => {
      if (place.isAway) throw new Error("away");
      for (const id of ids) entries.delete(id);
    },
    count: async () => entries.size,
    markAwaited: async () => {},
    readAwaited: async () => ({ awaited: new Set<string>(), complete: true }),
    close: async () => {},
  };
  const made = createEscrowKeeper({ escrow, vault, now: () => 77, onUnreadable: (id) => unreadable.push(id) });
  return { made, entries, place, unreadable };
}

describe("the escrow of a worker", () => {
  test.each([
    ["with a token set", aSettlement()],
    ["without an access token, of a public client", aSettlement({ tokens: withoutAccess() })],
    ["of a failure", aSettlement({ tokens: null, outcome: "rejected" })],
  ])("gives back a settlement %s as it was", async (_, settlement) => {
    const { made } = keeper();
    await made.put([settlement]);
    expect((await made.readAll()).waiting).toEqual([{ settlement, putAt: 77 }]);
  });

  test("passes over what it has settled, also while the escrow cannot be told so", async () => {
    const { made, entries, place } = keeper();
    const settlement = aSettlement();
    await made.put([settlement]);
    place.isAway = true;
    await made.remove([settlement.intentId]);
    expect((await made.readAll()).waiting).toEqual([]);
    expect(entries.size).toBe(1);
    place.isAway = false;
    await made.readAll();
    expect(entries.size).toBe(0);
  });

  test("leaves an entry that does not open where it is, and reads the others", async () => {
    const { made, entries, unreadable } = keeper();
    await made.put([aSettlement()]);
    entries.set("foreign", new Uint8Array(Buffer.from("nonsense")));
    expect((await made.readAll()).waiting).toHaveLength(1);
    expect(unreadable).toEqual(["foreign"]);
    expect(entries.has("foreign")).toBe(true);
  });
});

function withoutAccess() {
  const { tokens } = aSettlement();
  return tokens === null ? null : { ...tokens, accessToken: null, secretId: null };
}
