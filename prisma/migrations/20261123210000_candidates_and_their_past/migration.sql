-- AlterTable
ALTER TABLE "token_set" ADD COLUMN     "replaced" BYTEA;

-- AlterTable
ALTER TABLE "token_candidate" ADD COLUMN     "refused_at" TIMESTAMPTZ(3);
