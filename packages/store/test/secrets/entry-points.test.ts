import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const sources = fileURLToPath(new URL("../../src", import.meta.url));

/** Files that are loaded when this one is. Types leave no trace in a running process. */
function loadedWith(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(file, "utf8").replaceAll(/(?:import|export) type [^;]*;/g, "");
  for (const [, path = ""] of text.matchAll(/(?:from|import)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g)) {
    if (!path.includes("/generated/")) loadedWith(resolve(dirname(file), path), found);
  }
  return found;
}

const filesOf = (entry: string) => [...loadedWith(resolve(sources, entry))].map((file) => relative(sources, file));
const keyFiles = (entry: string) => filesOf(entry).filter((file) => file.startsWith("secrets/"));

test.each(["index.ts", "connections/requests.ts", "escrow/index.ts"])(
  "whoever imports the store by %s holds no code that could open a ciphertext",
  (entry) => {
    expect(filesOf(entry).length).toBeGreaterThan(3);
    expect(keyFiles(entry)).toEqual([]);
  },
);

test("whoever imports the store's secrets does", () => {
  expect(keyFiles("secrets/index.ts")).toContain("secrets/sealed-box.ts");
});
