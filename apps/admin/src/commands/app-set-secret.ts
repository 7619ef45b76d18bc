import { type ExitCode, exitCodes, UserError } from "@evergrant/runtime/command";
import { addClientSecret } from "@evergrant/store";
import type { Command } from "commander";
import type { Io } from "../io.ts";
import { openVaultOf } from "../open-vault-of.ts";
import { createPrinter } from "../print/printer.ts";
import type { CommandContext } from "../program.ts";
import { readClientSecret } from "../secret/read-client-secret.ts";
import {
  refuseSecretArgument,
  type SecretOptions,
  secretArgumentTrap,
  secretFileOption,
} from "../secret/secret-options.ts";
import { withStore } from "../with-store.ts";
import { jsonOption } from "./options.ts";

interface SetSecretOptions extends SecretOptions {
  readonly retireOld?: boolean;
  readonly json?: boolean;
}

export function register(parent: Command, { io, finish }: CommandContext): void {
  parent
    .command("set-secret")
    .description("put a new client secret in front; the older ones stay as a fallback until they are retired")
    .argument("<id>", "the app")
    .option("--retire-old", "remove the older secrets at once")
    .addOption(secretFileOption())
    .addOption(secretArgumentTrap())
    .addOption(jsonOption())
    .action(async (id: string, options: SetSecretOptions) => finish(await runAppSetSecret(io, id, options)));
}

async function runAppSetSecret(io: Io, id: string, options: SetSecretOptions): Promise<ExitCode> {
  refuseSecretArgument(options);
  const printer = createPrinter(io, options);
  const change = await withStore(io, async ({ store, env }) => {
    const vault = await openVaultOf(store, env);
    const clientSecret = await readClientSecret(io, options);
    return addClientSecret(store, vault, { appId: id, clientSecret, retireOld: options.retireOld === true });
  });
  if (change === null) throw new UserError(`there is no app "${id}"; look with: evergrant app list`);
  printer.json({ app: id, ...change });
  const older = change.secrets - 1;
  printer.line(`${id} uses the new client secret first.`);
  if (change.retired > 0) printer.line(`Retired ${change.retired} older.`);
  if (older > 0)
    printer.line(`${older} older stay as a fallback; retire them with --retire-old once the new one works.`);
  return exitCodes.ok;
}
