import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { PrismaPg } from "@prisma/adapter-pg";
import {
  bindMigrationAwareSqlAdapterFactory,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
  type SqlQuery,
} from "@prisma/driver-adapter-utils";
import type * as EngineModule from "@prisma/schema-engine-wasm/schema_engine_bg";
import type pg from "pg";
import type { MigrationFiles } from "./migrate-files.ts";
import { poolOver } from "./migrate-pool.ts";

export type SchemaEngine = EngineModule.SchemaEngine;

export interface SchemaEngineOptions {
  /** All that the engine does happens here, in the caller's transaction if there is one. */
  client: pg.Client;
  /** Text of schema.prisma; only a comparison with it needs it. */
  schema?: string;
  /** Gets what the server said about a script that failed; the engine keeps only a part of it. */
  onScriptError?(error: unknown): void;
}

/** Nothing in the database is somebody else's. */
export const noFilters = { externalTables: [], externalEnums: [] };

/**
 * Starts Prisma's own schema engine, which comes as WebAssembly in a registry package: nothing is
 * downloaded and no other process runs. Call `free` when done; the pool stays the caller's.
 */
export async function openSchemaEngine(options: SchemaEngineOptions): Promise<SchemaEngine> {
  const { SchemaEngine } = await loadEngine();
  const datamodels: [string, string][] = options.schema === undefined ? [] : [["schema.prisma", options.schema]];
  const adapter = bindMigrationAwareSqlAdapterFactory(adapterFactory(options));
  return SchemaEngine.new({ datamodels: datamodels.length > 0 ? datamodels : undefined }, () => {}, adapter);
}

/** A migrations folder from its beginning to `last`, as the engine's commands take it. */
export function toMigrationList(files: MigrationFiles, last: string): EngineModule.MigrationList {
  return {
    baseDir: files.baseDir,
    lockfile: files.lockfile,
    shadowDbInitScript: "",
    migrationDirectories: files.migrations
      .filter(({ name }) => name <= last)
      .map(({ name, script }) => ({
        path: name,
        migrationFile: { path: "migration.sql", content: { tag: "ok", value: script } },
      })),
  };
}

// TypeScript knows it only together with the browser's whole DOM.
declare const WebAssembly: {
  instantiate(code: Uint8Array, imports: Record<string, unknown>): Promise<{ instance: { exports: WasmExports } }>;
};
type WasmExports = Readonly<Record<string, unknown>>;
type LoadedEngine = typeof EngineModule & { __wbg_set_wasm(exports: WasmExports): void };

let loading: Promise<LoadedEngine> | undefined;

function loadEngine(): Promise<LoadedEngine> {
  loading ??= instantiateEngine();
  return loading;
}

/** What a bundler makes of the package's entry, which imports the .wasm file as if it were a module. */
async function instantiateEngine(): Promise<LoadedEngine> {
  const glue = createRequire(import.meta.url).resolve("@prisma/schema-engine-wasm/schema_engine_bg");
  const engine = (await import("@prisma/schema-engine-wasm/schema_engine_bg")) as LoadedEngine;
  const code = await readFile(join(dirname(glue), "schema_engine_bg.wasm"));
  const { instance } = await WebAssembly.instantiate(code, { "./schema_engine_bg.js": engine });
  engine.__wbg_set_wasm(instance.exports);
  (instance.exports.__wbindgen_start as () => void)();
  // Where the engine leaves its last words when it panics.
  Object.assign(globalThis, {
    PRISMA_WASM_PANIC_REGISTRY: {
      set_message(message: string) {
        throw new Error(message);
      },
    },
  });
  return engine;
}

function adapterFactory({ client, onScriptError }: SchemaEngineOptions): SqlMigrationAwareDriverAdapterFactory {
  const { pool, markCharColumns } = poolOver(client);
  const factory = new PrismaPg(pool);
  const connect = async (): Promise<SqlDriverAdapter> => {
    const adapter = await factory.connect();
    const queryRaw = adapter.queryRaw.bind(adapter);
    return Object.assign(adapter, {
      queryRaw: async (query: SqlQuery) => markCharColumns(await queryRaw(query)),
      executeScript: (script: string) => executeScript(client, script, onScriptError),
    });
  };
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect,
    connectToShadowDb: async () => {
      throw new Error("The schema engine has no shadow database here.");
    },
  };
}

/**
 * Runs a script as a whole. Prisma's adapter would cut it at each semicolon, also inside a comment
 * or a function's body.
 */
async function executeScript(
  client: pg.Client,
  script: string,
  onScriptError?: (error: unknown) => void,
): Promise<void> {
  try {
    await client.query(script);
  } catch (error) {
    onScriptError?.(error);
    throw error;
  }
}
