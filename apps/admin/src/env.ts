import { envShape, readEnv } from "@evergrant/runtime/command";
import type { Io } from "./io.ts";

export type AdminEnv = ReturnType<typeof readAdminEnv>;

/**
 * The configuration of a command that talks to the fleet. No variable of the key ring is required
 * here: only the commands that seal something ask for one.
 *
 * @throws ConfigurationError with a line for every fault
 */
export function readAdminEnv(io: Pick<Io, "env">) {
  return readEnv({ app: "admin", shape: envShape("admin"), env: io.env });
}

/** The environment of this process; everything else gets it handed in. */
// biome-ignore lint/style/noProcessEnv: the one place of this app that reads it.
export const processEnv = (): Io["env"] => process.env;
