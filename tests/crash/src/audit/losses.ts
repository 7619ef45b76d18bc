/** What took the only copy of a grant's next token out of everybody's reach. */
export type ExposureCause =
  /** The request that a kill was aimed at. */
  | "placed"
  /** In the hands of the same worker when it was killed. */
  | "collateral"
  /** The provider rotated and never delivered the answer. */
  | "answer withheld"
  /** In the hands of a worker that slept past its lease, while another presented the token that was spent. */
  | "asleep";

export interface Touched {
  readonly grantId: string;
  readonly connectionId: string;
  /** Number and kind of the fault. */
  readonly fault: number;
  readonly kind: string;
}

export interface Exposure extends Touched {
  readonly cause: ExposureCause;
}

export interface Loss {
  readonly grantId: string;
  readonly connectionId: string;
  /** When it must have happened, epoch ms: its newest token was issued then, or we ended it then. */
  readonly at: number;
}

/**
 * The account of what was lost, kept during a campaign and judged at its end. Each grant counts once.
 *
 * A grant is exposed when no durable place of ours can hold its newest token, by what was seen from outside at
 * the moment of the fault: nobody could have saved it. It is lost when none of the tokens that we hold is
 * accepted any more. The promise is that these two are the same.
 */
export interface Losses {
  expose(exposure: Exposure): void;
  /** Its provider ended this grant over an older token that an operator had put in the place of its newest. */
  setBack(touched: Touched): void;
  /**
   * Its newest token is where others cannot see it, as in the hands of a sleeping worker: they may present the
   * one that is spent. That explains what they do meanwhile, and no loss: the living token comes home.
   *
   * @returns what ends the risk
   */
  risk(grantId: string): () => void;
  lose(loss: Loss): void;
  /** Ended by us, although a token that we hold was accepted. */
  endFalsely(loss: Loss): void;
  /** A worker was killed so long after an answer had come that was in its memory alone. */
  wasInMemory(ms: number): void;
  /** Something could not be seen in time: if the sets do not agree in the end, this may be why. */
  doubt(what: string): void;
  /** Whether anything done explains that its spent token was presented, or that it was ended, at a time (epoch ms). */
  hasExplained(grantId: string, at: number): boolean;
  readonly exposedCount: number;
  readonly longestInMemoryMs: number;
  judge(): JudgedLosses;
}

export interface JudgedLosses {
  /** Lost, and nothing that was done to them explains it. */
  readonly lostByUs: readonly Loss[];
  /** Lost, and exposed. */
  readonly lostUnavoidably: readonly Exposure[];
  /** Lost because an operator had put back an old token, and not exposed. */
  readonly lostToOperator: readonly Touched[];
  /** Exposed and not lost: the account of the campaign is wrong. */
  readonly exposedButAlive: readonly Exposure[];
  readonly falselyEnded: readonly Loss[];
  readonly doubts: readonly string[];
}

/** What was done is booked up to so long after it is felt, and felt up to so long after it is over. */
const slackMs = 5_000;

export function createLosses(now: () => number = Date.now): Losses {
  const exposed = new Map<string, Exposure>();
  const setBack = new Map<string, Touched>();
  /** Since when each grant that is exposed or set back has been so. */
  const since = new Map<string, number>();
  const risks: { readonly grantId: string; readonly from: number; to: number }[] = [];
  const lost = new Map<string, Loss>();
  const falselyEnded = new Map<string, Loss>();
  const doubts: string[] = [];
  let longestInMemoryMs = 0;
  const note = ({ grantId }: Touched) => {
    if (!since.has(grantId)) since.set(grantId, now());
  };
  return {
    expose(exposure) {
      addFirst(exposed, exposure);
      note(exposure);
    },
    setBack(touched) {
      addFirst(setBack, touched);
      note(touched);
    },
    risk(grantId) {
      const risk = { grantId, from: now(), to: Number.POSITIVE_INFINITY };
      risks.push(risk);
      return () => {
        risk.to = now();
      };
    },
    lose: (loss) => addFirst(lost, loss),
    endFalsely: (loss) => addFirst(falselyEnded, loss),
    wasInMemory(ms) {
      longestInMemoryMs = Math.max(longestInMemoryMs, ms);
    },
    doubt: (what) => void doubts.push(what),
    get longestInMemoryMs() {
      return longestInMemoryMs;
    },
    get exposedCount() {
      return exposed.size;
    },
    hasExplained: (grantId, at) =>
      at >= (since.get(grantId) ?? Number.POSITIVE_INFINITY) - slackMs ||
      risks.some((risk) => risk.grantId === grantId && at >= risk.from - slackMs && at <= risk.to + slackMs),
    judge() {
      const judged = judgeLosses({ exposed, setBack, lost });
      const isCounted = new Set(judged.lostByUs.map(({ grantId }) => grantId));
      const falsely = [...falselyEnded.values()].filter(({ grantId }) => !isCounted.has(grantId));
      return { ...judged, falselyEnded: falsely, doubts };
    },
  };
}

/** Pure: three sets of grants, each by its id. */
export function judgeLosses({
  exposed,
  setBack,
  lost,
}: {
  readonly exposed: ReadonlyMap<string, Exposure>;
  readonly setBack: ReadonlyMap<string, Touched>;
  readonly lost: ReadonlyMap<string, Loss>;
}): Omit<JudgedLosses, "falselyEnded" | "doubts"> {
  const found = [...lost.values()];
  return {
    lostByUs: found.filter(({ grantId }) => !exposed.has(grantId) && !setBack.has(grantId)),
    lostUnavoidably: [...exposed.values()].filter(({ grantId }) => lost.has(grantId)),
    lostToOperator: [...setBack.values()].filter(({ grantId }) => lost.has(grantId) && !exposed.has(grantId)),
    exposedButAlive: [...exposed.values()].filter(({ grantId }) => !lost.has(grantId)),
  };
}

/** The first explanation stands: what befalls a grant that is lost already explains nothing. */
function addFirst<Entry extends { readonly grantId: string }>(entries: Map<string, Entry>, entry: Entry): void {
  if (!entries.has(entry.grantId)) entries.set(entry.grantId, entry);
}
