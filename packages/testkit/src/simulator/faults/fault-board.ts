import type { ProviderKind } from "../ledger/provider-rules.ts";
import type { Random } from "../ledger/random.ts";
import { type FaultSpec, faultSpecSchema, isReplacing, type ParsedFaultSpec } from "./fault-spec.ts";
import { HoldPoint } from "./hold-point.ts";

export interface Fault {
  readonly id: string;
  readonly spec: ParsedFaultSpec;
  applied: number;
  /** How many of the requests that it struck have had all that comes of them. */
  ended: number;
  /** It strikes nobody any more, and can still be looked at. */
  isStopped: boolean;
  /** Those that it struck last, in the order of their requests. */
  readonly struck: string[];
  /** Grants whose refresh token was spent by a request that it struck. */
  readonly rotated: string[];
  /** Grants for which what takes the place of the true reply has begun to be sent. */
  readonly begun: string[];
  /** Grants that were given a new refresh token in an answer that it kept from arriving whole. */
  readonly withheld: string[];
  readonly hold: HoldPoint;
}

/** Whom a request concerns, as far as it can be told. */
export interface FaultSubject {
  endpoint: "token" | "discovery";
  kind: ProviderKind;
  clientId: string | null;
  grantId: string | null;
}

const struckKept = 100;

/** The faults that are switched on. */
export class FaultBoard {
  readonly #random: Random;
  readonly #faults = new Map<string, Fault>();
  #lastId = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get isClear(): boolean {
    return this.#faults.size === 0;
  }

  list(): Fault[] {
    return [...this.#faults.values()];
  }

  get(id: string): Fault | null {
    return this.#faults.get(id) ?? null;
  }

  /** Switches a fault on and returns it with its id. Throws a ZodError when the specification is wrong. */
  set(spec: FaultSpec): Fault {
    this.#lastId += 1;
    const fault: Fault = {
      id: `fault-${this.#lastId}`,
      spec: faultSpecSchema.parse(spec),
      applied: 0,
      ended: 0,
      isStopped: false,
      struck: [],
      rotated: [],
      begun: [],
      withheld: [],
      hold: new HoldPoint(),
    };
    this.#faults.set(fault.id, fault);
    return fault;
  }

  /** Switches faults off, all without `id`, and lets go what they hold. Returns how many there were. */
  clear(id?: string): number {
    const cleared = this.list().filter((fault) => id === undefined || fault.id === id);
    for (const fault of cleared) {
      this.#faults.delete(fault.id);
      fault.hold.close();
    }
    return cleared.length;
  }

  /** Throws the dice: the faults that strike this request, in the order in which they were switched on. */
  strike(subject: FaultSubject): Fault[] {
    const striking: Fault[] = [];
    let replaced = false;
    for (const fault of this.#faults.values()) {
      const replaces = isReplacing(fault.spec.effect);
      if ((replaces && replaced) || !this.#strikes(fault, subject)) continue;
      fault.applied += 1;
      if (subject.grantId !== null) fault.struck.push(subject.grantId);
      if (fault.struck.length > struckKept) fault.struck.shift();
      replaced ||= replaces;
      striking.push(fault);
    }
    return striking;
  }

  #strikes(fault: Fault, subject: FaultSubject): boolean {
    const { spec } = fault;
    if (fault.isStopped) return false;
    if (spec.times !== undefined && fault.applied >= spec.times) return false;
    if (spec.endpoint !== subject.endpoint) return false;
    if (spec.kind !== undefined && spec.kind !== subject.kind) return false;
    if (spec.clientId !== undefined && spec.clientId !== subject.clientId) return false;
    if (spec.grantId !== undefined && spec.grantId !== subject.grantId) return false;
    return spec.probability === 1 || this.#random() < spec.probability;
  }
}
