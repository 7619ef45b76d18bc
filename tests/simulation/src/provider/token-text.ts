/** Which refresh token a text is: whose, of which grant of theirs, and the how manieth. */
export interface TokenName {
  readonly customerNo: number;
  readonly grantNo: number;
  readonly generation: number;
}

/** Readable instead of secret: nothing here is of use to anybody. */
export function tokenText({ customerNo, grantNo, generation }: TokenName): string {
  return `r.${customerNo}.${grantNo}.${generation}`;
}

/** @throws for a text that no provider here ever issued */
export function readTokenText(text: string): TokenName {
  const second = text.indexOf(".", 2);
  const third = text.indexOf(".", second + 1);
  const name = {
    customerNo: Number(text.slice(2, second)),
    grantNo: Number(text.slice(second + 1, third)),
    generation: Number(text.slice(third + 1)),
  };
  if (!text.startsWith("r.") || Number.isNaN(name.generation)) throw new Error(`${text} was never issued.`);
  return name;
}
