/** The entry point of a process that only asks for refreshes: nothing here loads Prisma. */
export { awaitOutcomes, type RefreshAnswer } from "./await-outcomes.ts";
export {
  type ConnectionFilter,
  type ConnectionSummary,
  countConnections,
  listConnections,
} from "./list-connections.ts";
export { type OpenQuerySource, openQuerySource } from "./open-query-source.ts";
export type { QuerySource } from "./query-source.ts";
export { FRESH_ENOUGH_MS, type RefreshTicket, type RefreshVerdict, requestRefresh } from "./request-refresh.ts";
