import ipaddr from "ipaddr.js";

import type { Arrival } from "../../shared/arrival.ts";
import type { ClientIpSource } from "../../model.ts";
import type { KeySource } from "../sighting.ts";

type Address = ReturnType<typeof ipaddr.process>;

/** The client's network: its address with all but the first `v4` or `v6` bits cleared. */
export function ipKey(v4: number, v6: number): KeySource {
  return (_, clientIp) => networkOf(clientIp, v4, v6);
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
  if (text === null || text.length > 64) return null;
  const bare = text
    .trim()
    .replace(/^\[([^\]]*)\](:\d+)?$/, "$1")
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, "$1")
    .replace(/%.*$/, "");
  const isAddress = ipaddr.IPv4.isValidFourPartDecimal(bare) || ipaddr.IPv6.isValid(bare);
  return isAddress ? ipaddr.process(bare) : null;
}

/**
 * Who the client is, as a canonical address, and what `X-Forwarded-For` may say of it. In a chain the
 * right-most address that is not a trusted proxy is the client; what stands left of it is hearsay.
 */
export function clientIpReader(source: ClientIpSource): (arrival: Arrival) => string | null {
  if (source.kind === "header") {
    return ({ headers }) => canonical(headers.get(source.header));
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

function canonical(text: string | null): string | null {
  // Nearly every request: a plain IPv4 address needs no parser.
  if (text === null || /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(text)) {
    return text;
  }
  return parseAddress(text)?.toString() ?? null;
}
