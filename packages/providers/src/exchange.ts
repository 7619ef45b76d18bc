import type { HttpAnswer, TokenEndpointAnswer } from "@evergrant/core";
import type { Dispatcher } from "undici";
import { LONGEST_BODY_BYTES, readBody } from "./answer-body.ts";
import { awakeTimeout } from "./awake-timeout.ts";
import type { HttpTokenRequest } from "./token-request.ts";

interface ExchangeLimits {
  /** A request not begun after this never is: it was waiting for a connection. */
  readonly sendWithinMs: number;
  /** From the first byte of the request to the last of the answer, while this process is awake. */
  readonly answerTimeoutMs: number;
  /** Asked in the last moment before the first byte: a request that may no longer be made is not. Must not wait. */
  readonly mayBegin?: (() => boolean) | undefined;
}

/** Why an exchange was given up; never an answer's own text. */
const GIVEN_UP = new Error("The exchange with the token endpoint is over.");

/**
 * One request and its answer over undici's lowest API, which tells the moment before the first byte is
 * written (`onRequestStart`): until then the provider has certainly seen nothing, from then on it may
 * have rotated the token. Never rejects. Nothing is sent twice, and nothing is sent late.
 */
export function exchange(
  dispatcher: Dispatcher,
  request: HttpTokenRequest,
  limits: ExchangeLimits,
): Promise<TokenEndpointAnswer> {
  return new Promise((resolve) => {
    const handler = new ExchangeHandler(limits, resolve);
    const { origin, path, headers, body } = request;
    // The handler's own clock bounds the whole; undici's two count each pause afresh.
    dispatcher.dispatch({ method: "POST", origin, path, headers, body, headersTimeout: 0, bodyTimeout: 0 }, handler);
  });
}

/** States: waiting for a connection, sent, answering (head is there), settled. */
class ExchangeHandler implements Dispatcher.DispatchHandler {
  readonly #limits: ExchangeLimits;
  readonly #resolve: (answer: TokenEndpointAnswer) => void;
  readonly #chunks: Buffer[] = [];
  readonly #startedAt = performance.now();
  #endWait: () => void;
  #sent = false;
  #settled = false;
  #head: Pick<HttpAnswer, "status" | "headers"> | null = null;
  #size = 0;

  constructor(limits: ExchangeLimits, resolve: (answer: TokenEndpointAnswer) => void) {
    this.#limits = limits;
    this.#resolve = resolve;
    const timer = setTimeout(() => this.#giveUp(), limits.sendWithinMs);
    this.#endWait = () => clearTimeout(timer);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // A process that was stopped meanwhile finds a free connection before its timers have run.
    if (!this.#sent && performance.now() - this.#startedAt >= this.#limits.sendWithinMs) this.#giveUp();
    if (!this.#sent && this.#limits.mayBegin?.() === false) {
      this.#settle({ kind: "none", sent: false, code: "NO_LONGER_WANTED" });
    }
    // Given up while it waited, or about to be repeated on another connection: aborted here, before a
    // byte is written.
    if (this.#settled || this.#sent) {
      controller.abort(GIVEN_UP);
      return;
    }
    this.#sent = true;
    this.#endWait();
    this.#endWait = awakeTimeout(() => {
      this.#settle(this.#cutShort("ANSWER_TIMEOUT", "body_timeout"));
      controller.abort(GIVEN_UP);
    }, this.#limits.answerTimeoutMs);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: RawHeaders): void {
    // 1xx answers are notes on the way.
    if (status >= 200) this.#head = { status, headers: flatten(headers) };
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    this.#size += chunk.length;
    this.#chunks.push(chunk);
    if (this.#size <= LONGEST_BODY_BYTES) return;
    this.#settle(this.#cutShort("UNKNOWN", "body_too_large"));
    controller.abort(GIVEN_UP);
  }

  onResponseEnd(): void {
    if (this.#settled || this.#head === null) return;
    const body = readBody(Buffer.concat(this.#chunks), this.#head.headers["content-encoding"]);
    this.#settle({ kind: "http", ...this.#head, ...body });
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#settle(this.#cutShort(codeOf(error), "body_broken_off"));
  }

  #giveUp(): void {
    this.#settle({ kind: "none", sent: false, code: "NO_CONNECTION_IN_TIME" });
  }

  #settle(answer: TokenEndpointAnswer): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#endWait();
    this.#chunks.length = 0;
    this.#resolve(answer);
  }

  #cutShort(code: string, bodyFault: string): TokenEndpointAnswer {
    if (this.#head === null) return { kind: "none", sent: this.#sent, code };
    // JSON says itself where it ends: an answer that is whole is judged, whatever came of its connection.
    const isBounded = this.#size <= LONGEST_BODY_BYTES;
    const body = isBounded ? readBody(Buffer.concat(this.#chunks), this.#head.headers["content-encoding"]).body : null;
    return { kind: "http", ...this.#head, body, bodyFault };
  }
}

type RawHeaders = Readonly<Record<string, string | string[] | undefined>>;

function flatten(headers: RawHeaders): Record<string, string> {
  const pairs = Object.entries(headers).map(([name, value]) => [
    name.toLowerCase(),
    Array.isArray(value) ? value.join(", ") : (value ?? ""),
  ]);
  return Object.fromEntries(pairs);
}

/** Only a code of the closed kind: a message may quote what was sent. */
function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^[A-Z][A-Z0-9_]{1,59}$/.test(code) ? code : "UNKNOWN";
}
