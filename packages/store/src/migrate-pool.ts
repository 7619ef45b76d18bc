import { ColumnTypeEnum, type SqlResultSet } from "@prisma/driver-adapter-utils";
import pg from "pg";

const charOid = 18;
const textOid = 25;

export interface PoolOverClient {
  pool: pg.Pool;
  /** Gives the columns of a result that are of type "char" that type back. */
  markCharColumns(result: SqlResultSet): SqlResultSet;
}

/**
 * The pool that Prisma's adapter insists on, of one connection that is open already. A real pool
 * would change the connection after any failed statement, and a transaction or a lock with it.
 *
 * The adapter also refuses PostgreSQL's one-character type "char", of which the catalogs are full
 * that the schema engine reads to see what a database looks like. It passes as text here, and is
 * marked as what it is on the way out.
 */
export function poolOver(client: pg.Client): PoolOverClient {
  const charColumns = new WeakMap<unknown[], number[]>();
  const query = async (config: pg.QueryArrayConfig): Promise<pg.QueryArrayResult> => {
    const result = await client.query(config);
    const chars = result.fields.flatMap(({ dataTypeID }, index) => (dataTypeID === charOid ? [index] : []));
    charColumns.set(result.rows, chars);
    const fields = result.fields.map((field) =>
      field.dataTypeID === charOid ? { ...field, dataTypeID: textOid } : field,
    );
    return { ...result, fields };
  };
  return {
    pool: Object.assign(new pg.Pool(), { query }),
    markCharColumns: (result) => {
      for (const index of charColumns.get(result.rows) ?? []) result.columnTypes[index] = ColumnTypeEnum.Character;
      return result;
    },
  };
}
