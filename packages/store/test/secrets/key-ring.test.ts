import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { generateKey, parseKeyRing, SecretError } from "../../src/secrets/index.ts";

const key = (bytes = 32) => randomBytes(bytes).toString("base64");

describe("a key ring", () => {
  test("has its first key as primary, and every key by name", () => {
    const ring = parseKeyRing(`2026:${key()},2025:${key()}`);
    expect(ring.primary.id).toBe("2026");
    expect([...ring.keys.keys()]).toEqual(["2026", "2025"]);
    expect(ring.keys.get("2026")).toBe(ring.primary);
  });

  test("may be the content of a file: lines, blank lines, comments, Windows line ends", () => {
    const ring = parseKeyRing(`# made in March\r\nnew:${key()}\r\n\r\n  old:${key()}  \r\n`);
    expect([...ring.keys.keys()]).toEqual(["new", "old"]);
  });

  test("takes base64 in its URL form, with and without padding", () => {
    const bytes = Buffer.alloc(32, 0xfb);
    for (const encoded of [
      bytes.toString("base64"),
      bytes.toString("base64url"),
      bytes.toString("base64").replace("=", ""),
    ]) {
      expect(parseKeyRing(`k:${encoded}`).primary.key.export()).toEqual(bytes);
    }
  });

  test("takes the entries that generateKey makes, each another key", () => {
    const ring = parseKeyRing([generateKey("a"), generateKey("b"), generateKey()].join("\n"));
    expect([...ring.keys.keys()]).toEqual(["a", "b", "main"]);
    expect(new Set([...ring.keys.values()].map((entry) => entry.key.export().toString("hex"))).size).toBe(3);
  });

  test("does not show its keys when it is printed or serialised", () => {
    const encoded = key();
    const ring = parseKeyRing(`k:${encoded}`);
    const hex = Buffer.from(encoded, "base64").toString("hex");
    for (const shown of [inspect(ring, { depth: 9, showHidden: true }), JSON.stringify([...ring.keys]), String(ring)]) {
      expect(shown).not.toContain(encoded);
      expect(shown.replaceAll(" ", "")).not.toContain(hex);
    }
  });
});

describe("a wrong key ring is refused with one line", () => {
  const howTo = "one key a line as name:key, the key 32 random bytes in base64 (openssl rand -base64 32)";
  const naming = "needs a name of at most 32 letters, digits, dots, dashes and underscores before the colon.";
  const secret = key();
  const wrong: [string, string, string][] = [
    ["nothing", "", `The key ring holds no key: it needs ${howTo}.`],
    ["comments alone", "# later\n\n", `The key ring holds no key: it needs ${howTo}.`],
    ["a key without a name", secret, `Entry 1 of the key ring cannot be read: it needs ${howTo}.`],
    ["two colons", `a:${secret}:b`, `Entry 1 of the key ring cannot be read: it needs ${howTo}.`],
    ["name and key the wrong way round", `a:${secret}\n${secret}:a`, `Entry 2 of the key ring ${naming}`],
    ["an empty name", `:${secret}`, `Entry 1 of the key ring ${naming}`],
    ["a name with a space", `my key:${secret}`, `Entry 1 of the key ring ${naming}`],
    ["a key of 16 bytes", `a:${key(16)}`, 'Key "a" of the key ring has 16 bytes; it needs 32.'],
    ["a key of 33 bytes", `a:${key(33)}`, 'Key "a" of the key ring has 33 bytes; it needs 32.'],
    ["an empty key", "a:", 'Key "a" of the key ring has 0 bytes; it needs 32.'],
    ["a key that is not base64", `a:!${secret}`, 'Key "a" of the key ring is not base64.'],
    ["a name twice", `a:${secret},b:${key()},a:${key()}`, 'The key ring names key "a" twice.'],
  ];

  test.each(wrong)("%s", (_name, text, message) => {
    expect(() => parseKeyRing(text)).toThrow(new SecretError(message));
    expect(message).not.toContain(secret);
  });

  test("a name for a new key that no ring would take", () => {
    expect(() => generateKey("my key")).toThrow(new SecretError(`The new key ${naming}`));
  });
});
