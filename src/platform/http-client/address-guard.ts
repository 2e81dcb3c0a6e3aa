import ipaddr from 'ipaddr.js';
import { AppError } from '../../base/index.ts';

/** Where a connection would go. */
export interface Destination {
  readonly hostname: string;
  readonly port: number;
}

/** The part of IPv6 that is given out for the internet; unassigned space and `::127.0.0.1` lie outside. */
const globalUnicast = ipaddr.parseCIDR('2000::/3');

/** Addresses that look public and are answered by the machine's own cloud: Azure's wire server. */
const cloudInternal = new Set(['168.63.129.16']);

/** `[::1]` and `LOCALHOST.` in the form that addresses are compared in. */
export function plainHost(hostname: string): string {
  return hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
}

/** Does a host pattern (`example.com`, `*.example.com`) name this host? */
export function matchesHost(pattern: string, hostname: string): boolean {
  const wanted = plainHost(pattern);
  const host = plainHost(hostname);
  return wanted.startsWith('*.')
    ? host.endsWith(wanted.slice(1)) && host.length > wanted.length - 1
    : host === wanted;
}

/** True for an address of the public internet: plain unicast after unwrapping mapped IPv4. */
function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed.range() !== 'unicast' || cloudInternal.has(parsed.toString())) return false;
  return parsed.kind() === 'ipv4' || parsed.match(globalUnicast);
}

function inRange(entry: string, address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (entry.includes('/')) {
    if (!ipaddr.isValidCIDR(entry)) return false;
    const [range, bits] = ipaddr.parseCIDR(entry);
    return range.kind() === parsed.kind() && parsed.match([range, bits]);
  }
  return ipaddr.isValid(entry) && ipaddr.process(entry).toNormalizedString() === parsed.toNormalizedString();
}

/** Does an allowlist entry (host, `host:port`, `*.suffix`, address, CIDR) open this destination on a private network? */
function opens(entry: string, destination: Destination, address: string): boolean {
  const withPort = ipaddr.isValid(entry) ? null : /^(.*):(\d+)$/.exec(entry);
  const [, host = entry, port] = withPort ?? [];
  if (port !== undefined && Number(port) !== destination.port) return false;
  const plain = plainHost(host);
  return matchesHost(plain, destination.hostname) || inRange(plain, address);
}

/** Refuses (`egress_denied`) an address that is neither public nor opened for this destination. */
export function assertAddress(
  address: string,
  destination: Destination,
  allowPrivate: readonly string[],
): void {
  if (isPublic(address) || allowPrivate.some((entry) => opens(entry, destination, address))) return;
  throw new AppError(
    'egress_denied',
    `"${destination.hostname}" leads to an address that is not public; an operator can allow it with EGRESS_ALLOW_PRIVATE or spec.egress.allow`,
    { details: { host: destination.hostname } },
  );
}
