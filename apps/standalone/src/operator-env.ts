import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { projectRoot } from "./rooms.ts";

/** Read by `npm run admin`, so that the operator's command finds the fleet that runs here. */
const FILE = join(projectRoot, ".evergrant", "admin.env");

/** Says where the running fleet is, readable by its owner alone. Returns what takes it back. */
export function announceFleet(env: Readonly<Record<string, string>>): () => void {
  const lines = Object.entries(env).map(([name, value]) => `${name}=${JSON.stringify(value)}\n`);
  mkdirSync(dirname(FILE), { recursive: true });
  writeFileSync(FILE, lines.join(""), { mode: 0o600 });
  return () => rmSync(FILE, { force: true });
}
