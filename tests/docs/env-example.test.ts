import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { type KnownVariable, knownVariables } from "@evergrant/runtime";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const example = readFileSync(join(root, ".env.example"), "utf8");
const variables: [string, KnownVariable][] = Object.entries(knownVariables);

/** `# NAME=value`: what a user would get by taking away the mark. */
const lines = example.split("\n").flatMap((line) => {
  const [, name, value] = /^(?:# )?([A-Z_]+)=(.*)$/.exec(line) ?? [];
  return name === undefined || value === undefined ? [] : [{ name, value }];
});

test("every variable is in .env.example once, and what is in it besides is read by docker-compose.yml", () => {
  const compose = readFileSync(join(root, "docker-compose.yml"), "utf8");
  const onlyCompose = [...compose.matchAll(/\$\{(\w+)/g)].flatMap(([, name]) =>
    name === undefined || name in knownVariables ? [] : [name],
  );
  const expected = [...variables.map(([name]) => name), ...new Set(onlyCompose)];
  expect(lines.map(({ name }) => name).sort()).toEqual(expected.sort());
});

test.each(variables)("%s stands there with its default, and without a value if it has none", (name, variable) => {
  expect(lines.find((line) => line.name === name)?.value).toBe(variable.default ?? "");
});

test("copied as it stands it sets nothing", () => {
  expect(parseEnv(example)).toEqual({});
});
