/** What came back from a token endpoint, before anyone has judged it. */
export type TokenEndpointAnswer = HttpAnswer | NoAnswer;

export interface HttpAnswer {
  readonly kind: "http";
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** What arrived of the body; null when it was too large or could not be decoded. */
  readonly body: string | null;
  /** What was wrong with the body; null when it arrived whole. */
  readonly bodyFault: string | null;
}

export interface NoAnswer {
  readonly kind: "none";
  /** False only when it is certain that the provider never saw the request. */
  readonly sent: boolean;
  /** Error code of the transport, such as `ECONNREFUSED`. */
  readonly code: string;
}
