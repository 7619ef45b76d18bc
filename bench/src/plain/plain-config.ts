/** What the plain worker gets as JSON on its standard input. */
export interface PlainConfig {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly queue: string;
  readonly concurrency: number;
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly keyRing: string;
}
