import ipaddr from "ipaddr.js";
import QuickLRU from "quick-lru";

import type { Arrival } from "../../shared/arrival.ts";
import type { ClientIpSource } from "../../model.ts";
import type { KeySource } from "../sighting.ts";

/** Addresses an isolate remembers in their canonical form; about 1 MB when full. */
const REMEMBERED = 5_000;
const ADDRESS_MOST = 64;
const PLAIN_IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

type Address = ReturnType<typeof ipaddr.process>;

/**
 * The client's network: its address with all but the first `v4` or `v6` bits cleared. Takes the address
 * in its canonical form.
 */
export function ipKey(v4: number, v6: number): KeySource {
  const known = new QuickLRU<string, string | null>({ maxSize: REMEMBERED });
  return (_, clientIp) => {
    if (clientIp === null) return null;
    if (v4 === 32 && PLAIN_IPV4.test(clientIp)) return `${clientIp}/32`;
    const before = known.get(clientIp);
    if (before !== undefined) return before;
    const network = networkOf(clientIp, v4, v6);
    known.set(clientIp, network);
    return network;
  };
}

/** `192.0.2.0/24`; null for what is no address. */
export function networkOf(text: string | null, v4: number, v6: number): string | null {
  const address = parseAddress(text);
  if (address === null) return null;
  const bits = address.kind() === "ipv4" ? v4 : v6;
  const bytes = address.toByteArray().map((byte, index) => byte & maskByte(bits - index * 8));
  return `${ipaddr.fromByteArray(bytes).toString()}/${bits}`;
}

function maskByte(bits: number): number {
  if (bits >= 8) return 0xff;
  return bits <= 0 ? 0 : (0xff << (8 - bits)) & 0xff;
}

/** The canonical address: IPv4-mapped folded, zone and port dropped; null if it is none. */
function parseAddress(text: string | null): Address | null {
  if (text === null || text.length > ADDRESS_MOST) return null;
  const bare = text
    .trim()
    .replace(/^\[([^\]]*)\](:\d+)?$/, "$1")
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, "$1")
    .replace(/%.*$/, "");
  // The library's own guess throws for every other form, which costs more than all else.
  if (!bare.includes(":")) {
    return ipaddr.IPv4.isValidFourPartDecimal(bare) ? ipaddr.IPv4.parse(bare) : null;
  }
  try {
    const address = ipaddr.IPv6.parse(bare);
    return isMapped(address) ? address.toIPv4Address() : address;
  } catch {
    return null;
  }
}

/** ::ffff:0:0/96. The library compares with every range it knows. */
function isMapped({ parts }: ipaddr.IPv6): boolean {
  return parts[5] === 0xffff && parts.every((part, index) => part === 0 || index >= 5);
}

/**
 * Who the client is, as a canonical address, and what `X-Forwarded-For` may say of it. In a chain the
 * right-most address that is not a trusted proxy is the client; what stands left of it is hearsay.
 */
export function clientIpReader(source: ClientIpSource): (arrival: Arrival) => string | null {
  if (source.kind === "header") {
    const known = new QuickLRU<string, string | null>({ maxSize: REMEMBERED });
    return ({ headers }) => {
      const text = headers.get(source.header);
      // Nearly every request: a plain IPv4 address needs no parser, and a client comes again.
      if (text === null || PLAIN_IPV4.test(text)) return text;
      if (text.length > ADDRESS_MOST) return null;
      const before = known.get(text);
      if (before !== undefined) return before;
      const address = parseAddress(text)?.toString() ?? null;
      known.set(text, address);
      return address;
    };
  }
  const trusted = source.trusted.map((range) =>
    range.includes("/") ? ipaddr.parseCIDR(range) : fullRange(range),
  );
  const isTrusted = (address: Address) =>
    trusted.some(
      ([network, bits]) => network.kind() === address.kind() && address.match(network, bits),
    );
  return ({ headers }) => {
    const chain = headers.get(source.header)?.split(",") ?? [];
    let client: Address | null = null;
    for (const hop of chain.slice(-32).reverse()) {
      const address = parseAddress(hop);
      // Nobody can say who stands behind garbage.
      if (address === null) return null;
      client = address;
      if (!isTrusted(address)) break;
    }
    return client?.toString() ?? null;
  };
}

function fullRange(text: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  const address = ipaddr.parse(text);
  return [address, address.kind() === "ipv4" ? 32 : 128];
}
