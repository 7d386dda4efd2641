import { BASE64URL } from "../shared/base64url.ts";

/** Entity tags (RFC 9110 §8.8.3, §13.1): so that two operators do not undo each other's work unseen. */

/** The strong tag of a JSON body. */
export async function tagOf(body: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(body));
  return `"${new Uint8Array(digest).subarray(0, 12).toBase64(BASE64URL)}"`;
}

/** Whether an If-Match lets a write through; without one everything does. */
export function allows(ifMatch: string | null, tag: string): boolean {
  return ifMatch === null || ifMatch.trim() === "*" || listed(ifMatch).includes(tag);
}

/** Whether an If-None-Match says that the client has this already; weak tags count. */
export function isKnown(ifNoneMatch: string | null, tag: string): boolean {
  if (ifNoneMatch === null) return false;
  return ifNoneMatch.trim() === "*" || listed(ifNoneMatch.replace(/W\//g, "")).includes(tag);
}

function listed(header: string): string[] {
  return header.split(",").map((one) => one.trim());
}
