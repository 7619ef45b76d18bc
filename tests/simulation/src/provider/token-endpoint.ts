import type { TokenEndpointAnswer } from "@evergrant/core";
import type { TokenClient, TokenRequest } from "@evergrant/providers";
import { type Grant, presentToken, type RulesByKind } from "@evergrant/testkit/rules";
import type { Watch } from "../checks/watch.ts";
import type { Traps } from "../fleet/traps.ts";
import type { VirtualProcess } from "../fleet/virtual-process.ts";
import type { LiveCustomer } from "../world/live-customer.ts";
import { granted, NOT_SENT, oauthError, RESET, SILENCE, throttled, UNAVAILABLE } from "./answers.ts";
import { type Conditions, secretOf } from "./conditions.ts";
import { readTokenText, tokenText } from "./token-text.ts";

const FASTEST_MS = 60;
const SLOWEST_MS = 400;
/** Just below what counts as silence. */
const SLOW_FROM_MS = 5_000;
const SLOW_TO_MS = 115_000;
const RETRY_AFTER_S = [5, 30, 60, 600] as const;

export interface TokenEndpointParts {
  readonly customers: ReadonlyMap<number, LiveCustomer>;
  readonly rules: RulesByKind;
  readonly conditions: Conditions;
  readonly traps: Traps;
  readonly watch: Watch;
}

/** The providers' token endpoints as one process reaches them: by the simulator's rules, in virtual time. */
export function tokenEndpointFor(process: VirtualProcess, parts: TokenEndpointParts): TokenClient["ask"] {
  const { customers, conditions, traps, watch } = parts;
  return async (request, { mayBegin } = {}) => {
    const name = readTokenText(request.refreshToken);
    const customer = customers.get(name.customerNo);
    const grant = customer?.grants[name.grantNo];
    if (customer === undefined || grant === undefined) throw new Error("A token of an unknown grant was presented.");
    const { appId, random } = customer.chosen;
    if (traps.spring("sending", process)) await process.pause();
    if (mayBegin?.() === false) return NOT_SENT;
    const trouble = conditions.meet(appId, random);
    if (trouble === "refuses") {
      await process.sleep(1);
      return NOT_SENT;
    }

    watch.sent(customer, process);
    const isOverlapped = customer.flights.length > 0;
    customer.flights.push(process);
    const reached = { customer, grant, generation: name.generation, isOverlapped };
    const isCutOff = traps.spring("received", process) && process.isDead;
    const answer = isCutOff ? SILENCE : serve(reached, trouble, request, process, parts);
    await process.clock.wait((resume) =>
      process.clock.at(process.clock.now + latencyMs(trouble, random, request), () => {
        customer.flights.splice(customer.flights.indexOf(process), 1);
        process.whenRunning(resume);
      }),
    );
    if (traps.spring("answered", process)) await process.pause();
    return answer;
  };
}

function latencyMs(trouble: string | null, random: () => number, { descriptor }: TokenRequest): number {
  if (trouble === "silent") return descriptor.answerTimeoutMs;
  const [from, to] = trouble === "slow" ? [SLOW_FROM_MS, SLOW_TO_MS] : [FASTEST_MS, SLOWEST_MS];
  return Math.round(from + random() * (to - from));
}

interface Reached {
  readonly customer: LiveCustomer;
  readonly grant: Grant;
  readonly generation: number;
  readonly isOverlapped: boolean;
}

/** What the provider does and answers, before anything happens to the answer on its way. */
function serve(
  reached: Reached,
  trouble: ReturnType<Conditions["meet"]>,
  request: TokenRequest,
  process: VirtualProcess,
  parts: TokenEndpointParts,
): TokenEndpointAnswer {
  const { random } = reached.customer.chosen;
  if (trouble === "silent") return SILENCE;
  if (trouble === "unavailable") return UNAVAILABLE;
  if (trouble === "throttles") return throttled(RETRY_AFTER_S[Math.floor(random() * RETRY_AFTER_S.length)] ?? 60);
  const lost = trouble === "losesAnswers" || trouble === "losesAnswersAs503";
  const answer = judge(reached, request, process, parts, lost);
  if (!lost) return answer;
  return trouble === "losesAnswers" ? RESET : UNAVAILABLE;
}

function judge(
  { customer, grant, generation, isOverlapped }: Reached,
  request: TokenRequest,
  process: VirtualProcess,
  { rules: allRules, traps, watch }: TokenEndpointParts,
  isLost: boolean,
): TokenEndpointAnswer {
  const rules = allRules[grant.kind];
  const { now } = process.clock;
  if (request.clientSecret !== secretOf(customer.chosen.appId)) {
    return oauthError(rules.invalidClientStatus, "invalid_client", null);
  }
  const isOurMistake = request.clientId !== grant.clientId;
  const refuse = (description: string | null) => {
    if (!isLost) watch.refused(customer, grant, isOurMistake);
    return oauthError(400, "invalid_grant", description);
  };
  if (isOurMistake) return refuse(rules.wrongClientDescription);
  const token = grant.tokens.get(generation);
  if (token === undefined) return refuse(null);
  watch.presented(customer, grant, token, process);
  const presentation = presentToken(grant, token, rules, { now, overlapped: isOverlapped });
  if (!presentation.granted) return refuse(rules.invalidGrantDescriptions[0] ?? null);
  const { pair, changed } = presentation;
  const lost = isLost ? ", and the answer is lost" : "";
  watch.tell(customer, () => `the provider ${changed ? "rotates to" : "renews"} token ${pair.generation}${lost}`);
  if (changed) {
    customer.pending = { at: now, grant, generation: pair.generation, process, isLost };
    traps.spring("rotated", process);
  }
  const grantNo = customer.grants.indexOf(grant);
  const refreshToken = tokenText({ customerNo: customer.chosen.no, grantNo, generation: pair.generation });
  const accessToken = `a.${customer.chosen.no}.${pair.accessNumber}`;
  const { generation: issued, accessExpiresAt } = pair;
  return granted(grant, rules, now, { refreshToken, accessToken, accessExpiresAt, generation: issued });
}
