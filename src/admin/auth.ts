/** Who may use the admin routes. */

const utf8 = new TextEncoder();

/** Whether the request shows the token. Compares digests, in constant time. */
export async function isAuthorized(headers: Headers, token: string): Promise<boolean> {
  const given = /^Bearer +(\S+)\s*$/i.exec(headers.get("authorization") ?? "")?.[1];
  if (given === undefined) return false;
  const [left, right] = await Promise.all([digest(given), digest(token)]);
  return crypto.subtle.timingSafeEqual(left, right);
}

function digest(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", utf8.encode(text));
}
