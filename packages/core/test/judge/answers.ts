import type { HttpAnswer, ProviderDescriptor } from "../../src/index.ts";
import { descriptor as sample } from "../samples.ts";

export const REQUEST_ID_HEADER = "x-request-id";

export const descriptor: ProviderDescriptor = { ...sample, requestIdHeader: REQUEST_ID_HEADER };

export const presented = { refreshToken: "presented-refresh-token", clientSecret: "the-client-secret" };

/** An answer as it came; an object becomes JSON. */
export function answer(status: number, body: unknown, headers: Record<string, string> = {}): HttpAnswer {
  return {
    kind: "http",
    status,
    headers,
    body: typeof body === "string" ? body : JSON.stringify(body),
    bodyFault: null,
  };
}

/** An answer whose body could not be read to its end. */
export function withoutBody(status: number, bodyFault: string): HttpAnswer {
  return { kind: "http", status, headers: {}, body: null, bodyFault };
}
