import { createTestDatabase, type TestDatabase, withClient } from "@evergrant/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openStore, type Store } from "../../src/client.ts";
import {
  generateKey,
  openVault,
  parseKeyRing,
  rewrapDataKeys,
  SecretError,
  type TokenPlace,
} from "../../src/secrets/index.ts";
import { addApp } from "../refresh/rows.ts";

const at: TokenPlace = { connectionId: "acme-xero", field: "refreshToken", generation: 1 };
const ringOf = (...entries: string[]) => parseKeyRing(entries.join("\n"));
const main = generateKey("main");

let database: TestDatabase;
let store: Store;

beforeEach(async () => {
  database = await createTestDatabase();
  store = openStore({ databaseUrl: database.url, applicationName: "test", poolSize: 20 });
});
afterEach(async () => {
  await store.close();
  await database.drop();
});

const dataKeys = () => store.prisma.dataKey.findMany({ orderBy: { id: "asc" } });

describe("opening the vault", () => {
  test("makes the data keys at first use and finds them again ever after", async () => {
    const first = await openVault(store, ringOf(main));
    const rows = await dataKeys();
    expect(rows.map(({ purpose, version, ringKeyId }) => ({ purpose, version, ringKeyId }))).toEqual([
      { purpose: "tokens", version: 1, ringKeyId: "main" },
      { purpose: "fingerprints", version: 1, ringKeyId: "main" },
    ]);

    const second = await openVault(store, ringOf(main));
    expect(await dataKeys()).toEqual(rows);
    expect(second.openToken(at, first.sealToken(at, "rt-1"))).toBe("rt-1");
    expect(second.fingerprint("rt-1")).toEqual(first.fingerprint("rt-1"));
  });

  test("twenty at once at first use agree on the same keys", async () => {
    const vaults = await Promise.all(Array.from({ length: 20 }, () => openVault(store, ringOf(main))));
    expect(await dataKeys()).toHaveLength(2);
    const sealed = vaults.map((vault) => vault.sealToken(at, "rt-1"));
    for (const vault of vaults) {
      for (const bytes of sealed) expect(vault.openToken(at, bytes)).toBe("rt-1");
      expect(vault.fingerprint("rt-1")).toEqual(vaults[0]?.fingerprint("rt-1"));
    }
  });

  test("refuses to make new keys when tokens were encrypted under some that are gone, and changes nothing", async () => {
    const vault = await openVault(store, ringOf(main));
    const ciphertext = new Uint8Array(vault.sealClientSecret({ appId: "app" }, "s3cret"));
    await addApp(store, "app");
    await store.prisma.clientSecret.create({ data: { appId: "app", ciphertext } });
    for (const purpose of ["tokens", "fingerprints"]) {
      const lost = await store.prisma.dataKey.findMany({ where: { purpose } });
      await store.prisma.dataKey.deleteMany({ where: { purpose } });
      const error = await openVault(store, ringOf(main)).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(SecretError);
      expect((error as SecretError).message).toMatch(/data_key has lost its rows.*Restore it from a backup/);
      expect(await dataKeys()).toHaveLength(1);
      await store.prisma.dataKey.createMany({ data: lost });
    }
    const again = await openVault(store, ringOf(main));
    expect(again.openClientSecret({ appId: "app" }, ciphertext)).toBe("s3cret");
  });

  test("stores no data key in the clear", async () => {
    await openVault(store, ringOf(main));
    const lengths = (await dataKeys()).map((row) => row.wrapped.length);
    expect(lengths).toEqual([61, 61]);
  });

  test("says which key is wanted when the ring lacks it, and writes nothing", async () => {
    await openVault(store, ringOf(generateKey("2025")));
    await store.prisma.dataKey.delete({ where: { purpose_version: { purpose: "fingerprints", version: 1 } } });
    await expect(openVault(store, ringOf(main, generateKey("spare")))).rejects.toEqual(
      new SecretError(
        'The stored tokens are encrypted under key "2025", which the key ring lacks (it holds "main", "spare"): add that key to it.',
      ),
    );
    expect(await dataKeys()).toHaveLength(1);
  });

  test("says so when the ring holds another key under the name, and writes nothing", async () => {
    await openVault(store, ringOf(main));
    const rows = await dataKeys();
    const impostor = generateKey("main");
    const refusal = new SecretError(
      'Key "main" of the key ring is not the key of that name that the stored tokens were encrypted under: put the right one back.',
    );
    await expect(openVault(store, ringOf(impostor))).rejects.toEqual(refusal);
    await expect(rewrapDataKeys(store, ringOf(generateKey("new"), impostor))).rejects.toEqual(refusal);
    expect(await dataKeys()).toEqual(rows);
  });

  test("refuses a data key that was put in the place of another", async () => {
    await openVault(store, ringOf(main));
    const [tokens] = await dataKeys();
    await store.prisma.dataKey.updateMany({
      where: { purpose: "fingerprints" },
      data: { wrapped: Uint8Array.from(tokens?.wrapped ?? []) },
    });
    await expect(openVault(store, ringOf(main))).rejects.toThrow(SecretError);
  });

  test("refuses a data key in a format that it does not know", async () => {
    await openVault(store, ringOf(main));
    await store.prisma.$executeRaw`UPDATE data_key SET wrapped = set_byte(wrapped, 0, 2)`;
    await expect(openVault(store, ringOf(main))).rejects.toThrow(SecretError);
  });

  test("says so when the database does not keep the keys", async () => {
    await withClient(database.url, (client) =>
      client.query(`CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
                    CREATE TRIGGER swallow BEFORE INSERT ON data_key FOR EACH ROW EXECUTE FUNCTION swallow()`),
    );
    await expect(openVault(store, ringOf(main))).rejects.toEqual(
      new SecretError("The table data_key does not keep the keys put into it."),
    );
  });
});

describe("re-wrapping the data keys", () => {
  test("puts all under the new primary key while a vault is open; the old key is then not needed", async () => {
    const running = await openVault(store, ringOf(main));
    const next = generateKey("next");
    expect(await rewrapDataKeys(store, ringOf(next, main))).toBe(2);
    expect(await rewrapDataKeys(store, ringOf(next, main))).toBe(0);

    const restarted = await openVault(store, ringOf(next));
    expect(restarted.openToken(at, running.sealToken(at, "rt-1"))).toBe("rt-1");
    expect(running.openToken(at, restarted.sealToken(at, "rt-2"))).toBe("rt-2");
    expect(restarted.fingerprint("rt-1")).toEqual(running.fingerprint("rt-1"));
    await expect(openVault(store, ringOf(main))).rejects.toThrow('encrypted under key "next"');
  });

  test("by several processes at once leaves keys that open", async () => {
    const running = await openVault(store, ringOf(main));
    const next = generateKey("next");
    await Promise.all(Array.from({ length: 5 }, () => rewrapDataKeys(store, ringOf(next, main))));
    const restarted = await openVault(store, ringOf(next));
    expect(restarted.openToken(at, running.sealToken(at, "rt-1"))).toBe("rt-1");
  });
});
