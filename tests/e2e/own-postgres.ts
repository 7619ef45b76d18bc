import { type RunningPostgres, startEmbeddedPostgres } from "@evergrant/testkit";
import getPort from "get-port";

/** A server that a test may stop, and start again with what it holds. */
export interface OwnPostgres {
  /** A database that does not exist before it is migrated. */
  readonly databaseUrl: string;
  stop: RunningPostgres["stop"];
  startAgain(): Promise<void>;
}

/** @param dataDir a folder of its own; who gives it removes it */
export async function startOwnPostgres(dataDir: string): Promise<OwnPostgres> {
  const port = await getPort({ host: "127.0.0.1" });
  let postgres = await startEmbeddedPostgres({ dataDir, port });
  return {
    databaseUrl: new URL("/evergrant", postgres.url).href,
    stop: (mode) => postgres.stop(mode),
    async startAgain() {
      postgres = await startEmbeddedPostgres({ dataDir, port });
    },
  };
}
