export { type AppToAdd, addApp } from "./apps/add-app.ts";
export { addClientSecret, type ClientSecretChange } from "./apps/add-client-secret.ts";
export { listApps, type OAuthAppSummary } from "./apps/list-apps.ts";
export { loadApps, type OAuthAppWithSecrets } from "./apps/load-apps.ts";
export { ENVIRONMENTS, type Environment, type OAuthApp } from "./apps/oauth-app.ts";
export { type ClosedBy, closeBreaker, endProbe, type FoundBreaker } from "./breaker/close-breaker.ts";
export { type BreakerSummary, listBreakers } from "./breaker/list-breakers.ts";
export { type BreakerEvidence, openBreaker } from "./breaker/open-breaker.ts";
export { type ReadAnswers, readAnswers } from "./breaker/read-answers.ts";
export { readVouching } from "./breaker/read-vouching.ts";
export { type Probe, takeProbe } from "./breaker/take-probe.ts";
export { openStore, type Store, type StoreOptions } from "./client.ts";
export { describeStoreError, isRefusal, isRowHeld, isTimeout, isTransient } from "./client-errors.ts";
export { awaitOutcomes, type RefreshAnswer } from "./connections/await-outcomes.ts";
export type { ConnectionToImport, ImportResult } from "./connections/connection-to-import.ts";
export { importConnections } from "./connections/import-connections.ts";
export {
  type ConnectionFilter,
  type ConnectionSummary,
  countConnections,
  listConnections,
} from "./connections/list-connections.ts";
export { type ConnectionDetail, type JournalEntry, loadConnection } from "./connections/load-connection.ts";
export {
  FRESH_ENOUGH_MS,
  type RefreshTicket,
  type RefreshVerdict,
  requestRefresh,
} from "./connections/request-refresh.ts";
export { type MigrateOptions, type MigrateResult, migrate } from "./migrate.ts";
export { pendingMigrations } from "./migrate-pending.ts";
export { type Candidate, nextCandidate, refuseCandidate } from "./refresh/candidates.ts";
export { type Claim, claim } from "./refresh/claim.ts";
export { isLeaseAlive, type Lease, renewLeases } from "./refresh/lease.ts";
export { type SealedTokens, type Settlement, type SettleResult, settle } from "./refresh/settle.ts";
export * from "./reports/index.ts";
export { NotMigratedError, requireMigrated } from "./require-migrated.ts";
export { type AppSchedule, readAppSchedules, saveCursor } from "./schedule/cursor.ts";
export { type DueConnection, type DuePosition, readDue } from "./schedule/due.ts";
export { compactTally } from "./schedule/tally.ts";
export { untilDatabaseTakes, type WaitOptions, waitForDatabase } from "./wait-for-database.ts";
