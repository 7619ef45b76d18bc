/**
 * The promise's own outcome if it comes in time, else a rejection. What the promise stands for goes on; its late outcome is dropped.
 *
 * @throws Error with the given message after `limitMs`.
 */
export async function within<T>(promise: Promise<T>, limitMs: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), limitMs);
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
