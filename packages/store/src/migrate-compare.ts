import { withConnection } from "./migrate-connection.ts";
import { noFilters, openSchemaEngine } from "./migrate-engine.ts";

export interface CompareOptions {
  databaseUrl: string;
  /** Text of schema.prisma. */
  schema: string;
}

/**
 * The SQL that would turn the database into what the schema describes, as Prisma's engine sees both;
 * undefined when they agree. What the schema language cannot say (checks, storage) is not looked at.
 */
export async function compareWithSchema({ databaseUrl, schema }: CompareOptions): Promise<string | undefined> {
  const files = [{ path: "schema.prisma", content: schema }];
  return withConnection(databaseUrl, async (client) => {
    const engine = await openSchemaEngine({ client, schema });
    try {
      const { exitCode, stdout } = await engine.diff({
        from: { tag: "schemaDatasource", files, configDir: "" },
        to: { tag: "schemaDatamodel", files },
        script: true,
        exitCode: true,
        filters: noFilters,
      });
      return exitCode === 0 ? undefined : (stdout ?? "");
    } finally {
      engine.free();
    }
  });
}
