-- AlterTable
ALTER TABLE "oauth_app" ADD COLUMN     "breaker_accepted_at" TIMESTAMPTZ(3),
ADD COLUMN     "breaker_probe_at" TIMESTAMPTZ(3),
ADD COLUMN     "breaker_probe_id" TEXT;

-- AlterTable
ALTER TABLE "token_candidate" ADD COLUMN     "presented_at" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "refresh_event" ALTER COLUMN "connection_id" DROP NOT NULL;

-- AlterTable
ALTER TABLE "outbox" ALTER COLUMN "connection_id" DROP NOT NULL;

-- DropIndex
DROP INDEX "token_candidate_connection_id_idx";

-- CreateIndex
CREATE UNIQUE INDEX "token_candidate_connection_id_fingerprint_key" ON "token_candidate"("connection_id", "fingerprint");


-- From here on by hand: what schema.prisma cannot say. The engine sees none of it as drift.

-- What the breakers ask for: the connections with a strike, and those that an app's own fault keeps from being
-- refreshed. Both are few at any time, and a healthy connection has no entry here.
CREATE INDEX "connection_struck_idx" ON "connection" ("app_id", "first_strike_at") WHERE "first_strike_at" IS NOT NULL;
CREATE INDEX "connection_misconfigured_idx" ON "connection" ("app_id", "last_attempt_at")
  WHERE "last_outcome" = 'misconfigured' AND "state" = 'active';
