import { afterEach, expect, test, vi } from "vitest";
import { childEnv } from "../src/env.ts";

const KEYS = { EVERGRANT_KEY_RING: "k1:an-unmistakable-key-ring", EVERGRANT_KEY_RING_FILE: "/an/unmistakable/file" };
const DATABASE_URL = "postgres://u:p@127.0.0.1:5432/evergrant";

afterEach(() => vi.unstubAllEnvs());

test.each(["scheduler", "metrics"] as const)("%s is started without the keys, wherever they stand", (app) => {
  for (const [name, value] of Object.entries(KEYS)) vi.stubEnv(name, value);
  const env = childEnv(app, { ...KEYS, DATABASE_URL });
  expect(JSON.stringify(env)).not.toContain("unmistakable");
  expect(env.DATABASE_URL).toBe(DATABASE_URL);
});

test("a worker is handed the keys, and what the system's own environment holds", () => {
  const env = childEnv("worker", { ...KEYS, DATABASE_URL });
  expect(env).toMatchObject({ ...KEYS, DATABASE_URL, PATH: process.env.PATH });
});

test("a process that is none of ours sees nothing of ours", () => {
  vi.stubEnv("EVERGRANT_METRICS_TOKEN", "unmistakable");
  vi.stubEnv("EVERGRANT_A_NAME_THAT_NOBODY_KNOWS", "unmistakable");
  expect(JSON.stringify(childEnv(null, { ...KEYS, DATABASE_URL }))).not.toMatch(/unmistakable|127\.0\.0\.1/);
});
