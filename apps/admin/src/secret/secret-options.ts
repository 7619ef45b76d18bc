import { UserError } from "@evergrant/runtime/command";
import { Option } from "commander";

/** The options of every command that reads a client secret. */
export interface SecretOptions {
  readonly secretFile?: string;
  /** Set when someone tried to give the secret as an argument. */
  readonly clientSecret?: string | boolean;
}

export const secretFileOption = () => new Option("--secret-file <path>", "read the client secret from this file");

/** Taken, so that it can be refused with a reason; not in the help. */
export const secretArgumentTrap = () => new Option("--client-secret [value]").hideHelp();

/** @throws UserError when a client secret was given as an argument */
export function refuseSecretArgument({ clientSecret }: SecretOptions): void {
  if (clientSecret === undefined) return;
  throw new UserError(
    "a client secret is never taken as an argument, where shell history and the process list keep it; " +
      "pipe it into stdin, or use --secret-file or EVERGRANT_CLIENT_SECRET",
  );
}
