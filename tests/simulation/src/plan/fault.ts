import fc from "fast-check";
import { APP_IDS, type AppId } from "../provider/apps.ts";

/** The moments in the life of a refresh at which its worker can be hit. */
export const CUT_POINTS = ["claimed", "sending", "received", "rotated", "answered", "settled"] as const;
export type CutPoint = (typeof CUT_POINTS)[number];

/**
 * Something that goes wrong, or a customer's doing. Times are whole minutes, `atMin` from the start of the
 * simulation, so that a short replay can be read.
 */
export type Fault = (ProviderFault | AppFault | WorkerFault | FleetFault | CustomerFault) & { readonly atMin: number };

/** The provider's trouble with one app. `share` is how many of a hundred requests it hits. */
export interface ProviderFault {
  readonly kind: "refuses" | "unavailable" | "silent" | "slow" | "losesAnswers" | "losesAnswersAs503" | "throttles";
  readonly app: AppId;
  readonly forMin: number;
  readonly share: number;
}

/** A mistake of ours with one app's credentials, rolled out and back. */
export interface AppFault {
  readonly kind: "wrongSecret" | "otherEnvironment";
  readonly app: AppId;
  readonly forMin: number;
}

/** Hits the worker whose refresh is the first to reach a point after `atMin`. */
export interface WorkerFault {
  /**
   * `kill`: it is gone, and up again after `forMin`. `stop`: it wakes after `forMin` and goes on. `stall`: it
   * goes on, but its job's lock is lost, and others are handed the same job, for `forMin`.
   */
  readonly kind: "kill" | "stop" | "stall";
  readonly point: CutPoint;
  readonly forMin: number;
}

export interface FleetFault {
  readonly kind:
    | "allWorkersKilled"
    | "rollingRestart"
    | "workerCutOff"
    | "databaseAway"
    | "databaseRestarted"
    | "commitsUnheard"
    | "redisAway"
    | "redisEmptied"
    | "schedulersAway";
  readonly forMin: number;
}

/** Of a hundred of the app's customers so many do this. */
export interface CustomerFault {
  /**
   * `askFor`: their people ask for a fresh token, and again, and again. `consentAnew`: they reconnect although
   * nothing is wrong; the old grant goes on living at the provider.
   */
  readonly kind: "leave" | "switchOff" | "switchOn" | "askFor" | "consentAnew";
  readonly app: AppId;
  readonly share: number;
}

export const MINUTES_A_DAY = 1_440;

const minutes = fc.integer({ min: 1, max: 30 });
const hours = fc.integer({ min: 30, max: 600 });
const aDay = fc.integer({ min: 600, max: 1_800 });
const days = fc.integer({ min: 2_000, max: 5_000 });
const short = fc.oneof({ weight: 5, arbitrary: minutes }, { weight: 1, arbitrary: hours });
const long = fc.oneof(
  { weight: 12, arbitrary: minutes },
  { weight: 8, arbitrary: hours },
  { weight: 2, arbitrary: aDay },
  { weight: 1, arbitrary: days },
);
const app = fc.constantFrom(...APP_IDS);
const share = fc.oneof(fc.constant(100), fc.integer({ min: 1, max: 99 }));

/** Any minute of the first `days` days. */
export function minuteWithin(days: number): fc.Arbitrary<number> {
  return fc.integer({ min: 0, max: days * MINUTES_A_DAY - 1 });
}

/** Faults that begin at such a minute. Each kind is about as likely as any other. */
export function faultAt(atMin: fc.Arbitrary<number>): fc.Arbitrary<Fault> {
  const outage = { kind: fc.constantFrom("refuses", "unavailable"), app, atMin, forMin: long, share } as const;
  const badAnswers = {
    kind: fc.constantFrom("silent", "slow", "losesAnswers", "losesAnswersAs503", "throttles"),
    app,
    atMin,
    forMin: short,
    share,
  } as const;
  return fc.oneof(
    { weight: 3, arbitrary: fc.record(outage) },
    { weight: 7, arbitrary: fc.record(badAnswers) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constantFrom("wrongSecret", "otherEnvironment"), app, atMin, forMin: short }),
    },
    {
      weight: 12,
      arbitrary: fc.record({
        kind: fc.constantFrom("kill", "stop", "stall"),
        point: fc.constantFrom(...CUT_POINTS),
        atMin,
        forMin: minutes,
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constantFrom(
          "allWorkersKilled",
          "rollingRestart",
          "workerCutOff",
          "databaseAway",
          "databaseRestarted",
          "redisAway",
          "redisEmptied",
          "schedulersAway",
        ),
        atMin,
        forMin: short,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("commitsUnheard"), atMin, forMin: fc.integer({ min: 1, max: 3 }) }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constantFrom("leave", "switchOff", "switchOn", "askFor", "consentAnew"),
        app,
        atMin,
        share: fc.integer({ min: 1, max: 40 }),
      }),
    },
  );
}
