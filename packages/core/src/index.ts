export type { HttpAnswer, NoAnswer, TokenEndpointAnswer } from "./answer.ts";
export {
  type AnswersInWindow,
  BREAKER_REASONS,
  type BreakerPolicy,
  type BreakerReason,
  continueRun,
  isBelievedUnvouched,
  isMisconfigured,
  isVouchedFor,
  isWave,
  type MisconfiguredRun,
  NO_MISCONFIGURED_RUN,
  reasonsDisproved,
  type Vouching,
  vouchersNeeded,
} from "./breaker.ts";
export { causeOfRejection, REJECTION_CAUSES, type RejectionCause } from "./cause.ts";
export {
  type BreakerState,
  CONNECTION_STATES,
  type ConnectionSchedule,
  type ConnectionState,
  TRANSITIONS,
} from "./connection.ts";
export { type Decision, decide, holdEnding, STRIKES_TO_END } from "./decide.ts";
export {
  type AnswerFields,
  type ClientAuthentication,
  type ErrorRule,
  type Lifetimes,
  type ProviderDescriptor,
  REFRESH_MODES,
  type RefreshMode,
  type Retry,
  type Schedule,
} from "./descriptor.ts";
export type { ConnectionEvent, ConnectionEventKind, RefreshFailed } from "./event.ts";
export { judge } from "./judge.ts";
export {
  type Evidence,
  type FailureOutcome,
  isSuccess,
  OUTCOME_KINDS,
  type Outcome,
  type OutcomeKind,
  type SuccessOutcome,
  type TokenAnswer,
} from "./outcome.ts";
export { AD_HOC_PRIORITY, dueAfterFailure, dueAfterImport, dueAfterSuccess, urgency } from "./policy.ts";
export { spread } from "./spread.ts";
