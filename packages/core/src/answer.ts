/** What came back from a token endpoint, before anyone has judged it. */
export type TokenEndpointAnswer = HttpAnswer | NoAnswer;

export interface HttpAnswer {
  readonly kind: "http";
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Null when the body was too large, broken off or never finished. */
  readonly body: string | null;
  /** Why there is no body. */
  readonly bodyFault: string | null;
}

export interface NoAnswer {
  readonly kind: "none";
  /** False only when it is certain that the provider never saw the request. */
  readonly sent: boolean;
  /** Error code of the transport, such as `ECONNREFUSED`. */
  readonly code: string;
}
