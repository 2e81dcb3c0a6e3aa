import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { buildConnector } from 'undici';
import { AppError } from '../../base/index.ts';
import { assertAddress, plainHost } from './address-guard.ts';

/** All addresses of a host name. */
export type ResolveHost = (
  hostname: string,
) => Promise<readonly { readonly address: string; readonly family: number }[]>;

/** The machine's own resolver. */
export const resolveWithSystem: ResolveHost = (hostname) =>
  systemLookup(hostname, { all: true, verbatim: true });

const connectTimeoutMs = 10_000;

/**
 * Connects only where the guard allows: every address the name has is checked, the connection is made to one that was
 * checked, and the peer that was reached is checked again. The name stays for TLS and the Host header.
 */
export function createGuardedConnector(
  allowPrivate: readonly string[],
  resolve: ResolveHost,
): buildConnector.connector {
  return (options, callback) => {
    const hostname = plainHost(options.hostname);
    const port = Number(options.port) || (options.protocol === 'https:' ? 443 : 80);
    const destination = { hostname, port };
    const choose = async (): Promise<{ address: string; family: number }[]> => {
      const found =
        isIP(hostname) === 0
          ? [...(await resolve(hostname))]
          : [{ address: hostname, family: isIP(hostname) }];
      if (found.length === 0) throw new AppError('upstream_error', `"${hostname}" has no address`);
      for (const { address } of found) assertAddress(address, destination, allowPrivate);
      return found;
    };
    choose().then(
      (addresses) => {
        const connect = buildConnector({
          timeout: connectTimeoutMs,
          autoSelectFamily: true,
          lookup: (_name, lookupOptions, answer) => {
            const first = addresses[0];
            if (lookupOptions.all === true) answer(null, addresses);
            else answer(null, first?.address ?? '', first?.family ?? 4);
          },
        });
        connect(
          { ...options, servername: options.servername ?? (isIP(hostname) === 0 ? hostname : '') },
          (error, socket) => {
            if (error !== null) {
              callback(error, null);
              return;
            }
            try {
              assertAddress(socket.remoteAddress ?? '', destination, allowPrivate);
              callback(null, socket);
            } catch (refusal) {
              socket.destroy();
              callback(refusal as Error, null);
            }
          },
        );
      },
      (error: unknown) => callback(error as Error, null),
    );
  };
}
