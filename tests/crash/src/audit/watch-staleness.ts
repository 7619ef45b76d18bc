import type { Postgres } from "../world/postgres.ts";

const lookEveryMs = 1_000;

/** Looks every second how long the stalest connection in mode `fresh` has been without a valid access token. */
export function watchStaleness(postgres: Postgres): { readonly maxSeconds: number; close(): void } {
  let maxSeconds = 0;
  const look = async () => {
    if (!postgres.isUp) return;
    const [row] = await postgres.query<{ seconds: number | null }>(
      `SELECT extract(epoch FROM clock_timestamp() - min(access_token_expires_at))::float8 AS seconds
       FROM connection WHERE state = 'active' AND mode = 'fresh'`,
    );
    maxSeconds = Math.max(maxSeconds, row?.seconds ?? 0);
  };
  const timer = setInterval(() => void look().catch(() => {}), lookEveryMs);
  return {
    get maxSeconds() {
      return maxSeconds;
    },
    close: () => clearInterval(timer),
  };
}
