import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { envShape, readEnv } from "@evergrant/runtime";
import { expect, test } from "vitest";

const sources = fileURLToPath(new URL("../src", import.meta.url));

test("a key ring in the surroundings does not reach this process", () => {
  const keyRing = "k1:an-unmistakable-key-ring";
  const env = readEnv({
    app: "scheduler",
    shape: envShape("scheduler"),
    env: { DATABASE_URL: "postgres://u:p@127.0.0.1:5432/evergrant", EVERGRANT_KEY_RING: keyRing },
  });
  expect(JSON.stringify(env)).not.toContain(keyRing);
  expect(env.DATABASE_URL).toContain("127.0.0.1");
});

test("no source file of this process imports the part of the store that can decrypt", () => {
  const files = readdirSync(sources, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const imports = files.flatMap((file) => {
    const text = readFileSync(join(sources, file), "utf8");
    return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(([, specifier]) => specifier ?? "");
  });
  expect(imports).toContain("@evergrant/store");
  expect(imports.filter((specifier) => /secrets|testkit/.test(specifier))).toEqual([]);
});
