import ipaddr from 'ipaddr.js';
import { AppError } from '../../base/index.ts';

/** Where a connection would go. */
export interface Destination {
  readonly hostname: string;
  readonly port: number;
}

/** `[::1]` and `LOCALHOST.` in the form that addresses are compared in. */
export function plainHost(hostname: string): string {
  return hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
}

/** Does a host pattern (`example.com`, `*.example.com`) name this host? */
export function matchesHost(pattern: string, hostname: string): boolean {
  const wanted = pattern.toLowerCase();
  const host = plainHost(hostname);
  return wanted.startsWith('*.')
    ? host.endsWith(wanted.slice(1)) && host.length > wanted.length - 1
    : host === wanted;
}

/** True for an address of the public internet: plain unicast after unwrapping mapped IPv4. */
function isPublic(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast';
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
  if (inRange(entry, address)) return true;
  const withPort = /^(.*):(\d+)$/.exec(entry);
  if (withPort !== null && !ipaddr.isValid(entry)) {
    const [, host = '', port] = withPort;
    return (
      Number(port) === destination.port &&
      (matchesHost(plainHost(host), destination.hostname) || inRange(plainHost(host), address))
    );
  }
  return matchesHost(plainHost(entry), destination.hostname);
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
