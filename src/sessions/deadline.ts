/** The most a request waits for the session map before it is served without. */
export const CALL_CAP_MS = 1_000;

/** The work's result; throws if it takes longer. The work itself goes on. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error("the session map took too long")),
    Math.max(0, ms),
  );
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A call to the session map within its cap. */
export function capped<T>(work: Promise<T>): Promise<T> {
  return within(CALL_CAP_MS, work);
}
