import { expect, it } from "vitest";
import { type AppName, configurationTable, envShape, type KnownVariable, knownVariables } from "../src/index.ts";

const variables: [string, KnownVariable][] = Object.entries(knownVariables);

/** The table of privileges. A new variable that holds a secret is a decision, made here too. */
const secrets: Record<AppName, string[]> = {
  scheduler: ["DATABASE_URL", "REDIS_URL", "EVERGRANT_METRICS_TOKEN"],
  metrics: ["DATABASE_URL", "REDIS_URL", "EVERGRANT_METRICS_TOKEN"],
  worker: ["DATABASE_URL", "REDIS_URL", "EVERGRANT_KEY_RING", "EVERGRANT_METRICS_TOKEN"],
  admin: ["DATABASE_URL", "REDIS_URL", "EVERGRANT_KEY_RING", "EVERGRANT_CLIENT_SECRET"],
  standalone: ["DATABASE_URL", "REDIS_URL", "EVERGRANT_KEY_RING", "EVERGRANT_METRICS_TOKEN"],
};

it.each(Object.entries(secrets))("%s reads exactly the secrets it is entitled to", (app, expected) => {
  const names = Object.keys(envShape(app as AppName));
  const isSecret = (name: string) => variables.some(([known, variable]) => known === name && variable.secret);
  expect(names.filter(isSecret).sort()).toEqual([...expected].sort());
});

it.each(["scheduler", "metrics"] as const)("%s has no key variable in its schema", (app) => {
  expect(Object.keys(envShape(app)).filter((name) => /KEY|RING/.test(name))).toEqual([]);
});

it.each(variables)("%s has a name with a unit, a description of one line and a usable default", (name, variable) => {
  expect(name).toMatch(/^(EVERGRANT_[A-Z_]+[A-Z]|DATABASE_URL|REDIS_URL)$/);
  expect(variable.description).toMatch(/^[A-Z][^\n|]+$/);
  const isDuration = /milliseconds/.test(variable.schema.safeParse("x").error?.issues[0]?.message ?? "");
  expect(name.endsWith("_MS")).toBe(isDuration);
  if (variable.default !== undefined) expect(variable.schema.safeParse(variable.default).success).toBe(true);
  if (variable.insteadOf !== undefined) expect(Object.keys(knownVariables)).toContain(variable.insteadOf);
  for (const app of [...(variable.requiredIn ?? []), ...(variable.eitherRequiredIn ?? [])]) {
    expect(variable.apps).toContain(app);
  }
});

it("the table for the documentation has a row for each variable, and no default of a secret", () => {
  const rows = configurationTable().trim().split("\n").slice(2);
  expect(rows.map((row) => row.split("`")[1])).toEqual(variables.map(([name]) => name));
  expect(rows[0]).toBe(
    "| `DATABASE_URL` | **scheduler**, **worker**, **metrics**, **admin**, standalone |  | " +
      "PostgreSQL 14 or newer. Standalone starts its own when this is not set (secret) |",
  );
  expect(variables.filter(([, variable]) => variable.secret && variable.default !== undefined)).toEqual([]);
});
