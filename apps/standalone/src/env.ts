import { existsSync } from "node:fs";
import { join } from "node:path";
import { type AppName, envShape, knownVariables, readEnv } from "@evergrant/runtime";
import { projectRoot } from "./rooms.ts";

export type StandaloneEnv = ReturnType<typeof readStandaloneEnv>;

/** What the environment says, `.env` in the project's folder included. @throws ConfigurationError */
export function readStandaloneEnv() {
  const file = join(projectRoot, ".env");
  // What is already set is stronger than the file.
  if (existsSync(file)) process.loadEnvFile(file);
  // biome-ignore lint/style/noProcessEnv: the one place of this app that reads the environment
  return readEnv({ app: "standalone", shape: envShape("standalone"), env: process.env });
}

/**
 * The environment of a process that is started here: everything of the system's, and of Evergrant's
 * variables only those that `app` may see. Scheduler and metrics are never handed a key.
 *
 * @param app null for a process that reads none of Evergrant's variables
 */
export function childEnv(
  app: AppName | null,
  given: Readonly<Record<string, string>>,
): Record<string, string | undefined> {
  const mine = (name: string) => {
    const variable = Object.entries(knownVariables).find(([known]) => known === name)?.[1];
    return variable === undefined
      ? !name.startsWith("EVERGRANT_")
      : app !== null && variable.apps.some((each) => each === app);
  };
  // biome-ignore lint/style/noProcessEnv: handed on, less what is not meant for the child
  const inherited = Object.entries(process.env).filter(
    ([name]) => knownVariables[name as "DATABASE_URL"] === undefined && mine(name),
  );
  return Object.fromEntries([...inherited, ...Object.entries(given).filter(([name]) => mine(name))]);
}

/** Evergrant's own variables as they are set now, to be handed to `childEnv`. */
export function givenVariables(): Record<string, string> {
  // biome-ignore lint/style/noProcessEnv: handed on, never read here
  const set = Object.entries(process.env).filter(([name, value]) => name in knownVariables && value);
  return Object.fromEntries(set) as Record<string, string>;
}
