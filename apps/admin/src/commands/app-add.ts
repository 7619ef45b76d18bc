import { readFile } from "node:fs/promises";
import type { ProviderDescriptor } from "@evergrant/core";
import { DescriptorError, parseDescriptorFile, resolveDescriptor } from "@evergrant/providers";
import { type ExitCode, exitCodes, UserError } from "@evergrant/runtime/command";
import { addApp, ENVIRONMENTS, type Environment } from "@evergrant/store";
import { type Command, Option } from "commander";
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
import { appId, jsonOption, whole } from "./options.ts";

interface AddOptions extends SecretOptions {
  readonly provider?: string;
  readonly clientId: string;
  readonly environment: Environment;
  readonly descriptor?: string;
  readonly maxConcurrent?: number;
  readonly maxPerSecond?: number;
  readonly json?: boolean;
}

export function register(parent: Command, { io, finish }: CommandContext): void {
  parent
    .command("add")
    .description(
      "register an OAuth app; its client secret is read from stdin, --secret-file or EVERGRANT_CLIENT_SECRET",
    )
    .argument("<id>", "a name for the app, such as xero-prod", appId)
    .option("--provider <name>", "xero, quickbooks, or the one that --descriptor describes")
    .requiredOption("--client-id <id>", "the client id that the provider gave you")
    .addOption(new Option("--environment <name>", "whose grants it serves").choices(ENVIRONMENTS).default("production"))
    .option("--descriptor <file>", "JSON file that describes the provider, or what differs from the built-in one")
    .option("--max-concurrent <n>", "requests to the provider at once, at most", whole(1, 10_000))
    .option("--max-per-second <n>", "requests to the provider per second, at most", whole(1, 100_000))
    .addOption(secretFileOption())
    .addOption(secretArgumentTrap())
    .addOption(jsonOption())
    .action(async (id: string, options: AddOptions) => finish(await runAppAdd(io, id, options)));
}

async function runAppAdd(io: Io, id: string, options: AddOptions): Promise<ExitCode> {
  refuseSecretArgument(options);
  const printer = createPrinter(io, options);
  const { provider, stored, descriptor } = await readDescriptor(options);
  const app = {
    id,
    provider,
    environment: options.environment,
    clientId: options.clientId,
    maxConcurrent: options.maxConcurrent ?? null,
    maxPerSecond: options.maxPerSecond ?? null,
  };
  const isPublic = descriptor.clientAuthentication === "none";
  await withStore(io, async ({ store, env }) => {
    const vault = await openVaultOf(store, env);
    const clientSecret = isPublic ? null : await readClientSecret(io, options);
    if (await addApp(store, vault, { ...app, descriptor: stored, clientSecret })) return;
    throw new UserError(`app "${id}" exists already; change its client secret with: evergrant app set-secret ${id}`);
  });
  printer.json({ ...app, secrets: isPublic ? 0 : 1 });
  printer.line(`Added ${id} (${provider}, ${options.environment}). Next: evergrant connection import <file>`);
  return exitCodes.ok;
}

interface ChosenProvider {
  readonly provider: string;
  readonly stored: Readonly<Record<string, unknown>>;
  readonly descriptor: ProviderDescriptor;
}

async function readDescriptor({ provider, descriptor: path }: AddOptions): Promise<ChosenProvider> {
  try {
    if (path !== undefined) return readFileOf(provider, await readText(path), path);
    if (provider !== undefined)
      return { provider, stored: {}, descriptor: resolveDescriptor(provider, {}, "--provider") };
  } catch (error) {
    throw error instanceof DescriptorError ? new UserError(error.message, { cause: error }) : error;
  }
  throw new UserError("no provider; use --provider xero, --provider quickbooks or --descriptor <file>");
}

function readFileOf(provider: string | undefined, text: string, path: string): ChosenProvider {
  const file = parseDescriptorFile(provider === undefined ? text : withProvider(text, provider), path);
  if (provider === undefined || provider === file.provider) return file;
  throw new UserError(`--provider is ${provider}, but ${path} describes ${file.provider}; leave --provider out`);
}

/** A file that only says what differs need not name the provider again. */
function withProvider(text: string, provider: string): string {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject && !("provider" in value) ? JSON.stringify({ provider, ...value }) : text;
  } catch {
    return text;
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new UserError(`cannot read the descriptor ${path} (${code})`, { cause: error });
  }
}
