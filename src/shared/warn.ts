/** A line in the log for the operator: what went wrong, with names and numbers only. */
export function warn(
  message: string,
  about: Readonly<Record<string, string | number>>,
  error?: unknown,
): void {
  const cause = error === undefined ? {} : { error: String(error) };
  console.warn(JSON.stringify({ message, ...about, ...cause }));
}
