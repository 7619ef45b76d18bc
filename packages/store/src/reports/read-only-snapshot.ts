import { Prisma, type PrismaClient } from "../generated/client.ts";

/** What a report needs of the store. */
export interface ReportSource {
  readonly prisma: Pick<PrismaClient, "$transaction">;
}

/** The one capability a report has: to read. */
export type Snapshot = Pick<Prisma.TransactionClient, "$queryRaw">;

/**
 * Runs `read` in one short read-only transaction in which every statement sees the same moment, and
 * `now()` is that moment. Takes no lock that a writer would wait for.
 *
 * @param timeoutMs the server ends a statement that takes longer; the transaction as a whole is given
 * up after the same time
 * @throws the driver's error; nothing is left open
 */
export function readOnlySnapshot<Report>(
  { prisma }: ReportSource,
  timeoutMs: number,
  read: (snapshot: Snapshot) => Promise<Report>,
): Promise<Report> {
  return prisma.$transaction(
    async (transaction) => {
      await transaction.$executeRaw`SET TRANSACTION READ ONLY`;
      await transaction.$queryRaw`SELECT set_config('statement_timeout', ${String(timeoutMs)}, true)`;
      return read(transaction);
    },
    { isolationLevel: Prisma.TransactionIsolationLevel.RepeatableRead, maxWait: timeoutMs, timeout: timeoutMs },
  );
}
