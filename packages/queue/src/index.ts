export type { RefreshSignal } from "./apply-signal.ts";
export { type ConsumeRefreshesOptions, consumeRefreshes, type RefreshConsumer } from "./consume-refreshes.ts";
export { createQueueBackend, type QueueBackend, type QueueBackendOptions } from "./queue-backend.ts";
export { QueueBackendError } from "./queue-backend-error.ts";
export {
  type QueueDepth,
  type RefreshBudget,
  type RefreshHint,
  RefreshQueues,
  type Urged,
} from "./refresh-queues.ts";
export { type StartTickOptions, startTick, type Tick } from "./start-tick.ts";
