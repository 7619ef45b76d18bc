import type { Piece } from "./find-canaries.ts";

export interface PageToRead {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a page answers, whatever its status. Rejects when nobody answers. */
export async function readPage({ url, headers = {} }: PageToRead): Promise<Piece> {
  const response = await fetch(url, { headers, redirect: "manual" });
  const head = [...response.headers].map(([name, value]) => `${name}: ${value}`);
  return { place: url, content: [response.status, ...head, "", await response.text()].join("\n") };
}
