/** What a statement needs of the store: Prisma's client has it, and so has the plain driver behind `openQuerySource`. */
export interface QuerySource {
  readonly prisma: {
    $queryRaw<Rows>(query: TemplateStringsArray, ...values: readonly unknown[]): PromiseLike<Rows>;
  };
}
