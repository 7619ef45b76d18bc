import type { AppFault, Fault, ProviderFault } from "../plan/fault.ts";
import type { AppId } from "./apps.ts";

type Trouble = Extract<Fault, ProviderFault>;
type Mistake = Extract<Fault, AppFault>;

/** What is wrong at the moment between us and the providers. */
export class Conditions {
  readonly #troubles: Record<AppId, Trouble[]> = { xero: [], quickbooks: [], strict: [] };
  readonly #mistakes: Record<AppId, Mistake[]> = { xero: [], quickbooks: [], strict: [] };

  begin(fault: Trouble | Mistake): void {
    this.#listOf(fault).push(fault);
  }

  end(fault: Trouble | Mistake): void {
    const list = this.#listOf(fault);
    list.splice(list.indexOf(fault), 1);
  }

  /** The trouble that the next request of the app meets; null on an ordinary day. */
  meet(appId: AppId, random: () => number): Trouble["kind"] | null {
    for (const { kind, share } of this.#troubles[appId]) if (random() * 100 < share) return kind;
    return null;
  }

  /** What we present ourselves with. */
  credentials(appId: AppId): { readonly clientId: string; readonly secret: string } {
    const kinds = this.#mistakes[appId].map(({ kind }) => kind);
    return {
      clientId: kinds.includes("otherEnvironment") ? `sandbox-${appId}` : appId,
      secret: kinds.includes("wrongSecret") ? "wrong" : secretOf(appId),
    };
  }

  #listOf(fault: Trouble | Mistake): (Trouble | Mistake)[] {
    return isMistake(fault) ? this.#mistakes[fault.app] : this.#troubles[fault.app];
  }
}

/** Also of the sandbox: both registrations exist and are in order, each with grants of its own. */
export function secretOf(appId: AppId): string {
  return `secret of ${appId}`;
}

export function isMistake(fault: Fault): fault is Mistake {
  return fault.kind === "wrongSecret" || fault.kind === "otherEnvironment";
}

export function isTrouble(fault: Fault): fault is Trouble {
  return "forMin" in fault && "app" in fault && !isMistake(fault);
}
