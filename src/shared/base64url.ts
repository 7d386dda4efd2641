/** The alphabet of everything of ours that travels in a URL, a cookie or a header (RFC 4648 §5). */
export const BASE64URL = { alphabet: "base64url", omitPadding: true } as const;
