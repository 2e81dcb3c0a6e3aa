import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { buildConnector, errors } from 'undici';
import { AppError, withDeadline, type Clock } from '../../base/index.ts';
import { assertAddress, plainHost, type Destination } from './address-guard.ts';

interface HostAddress {
  readonly address: string;
  readonly family: number;
}

/** All addresses of a host name. */
export type ResolveHost = (hostname: string) => Promise<readonly HostAddress[]>;

/** The machine's own resolver. */
export const resolveWithSystem: ResolveHost = (hostname) =>
  systemLookup(hostname, { all: true, verbatim: true });

interface ConnectorDeps {
  readonly allowPrivate: () => readonly string[];
  readonly resolve: ResolveHost;
  readonly clock: Clock;
  /** For name resolution, TCP and TLS together. */
  readonly connectMs: number;
  /** Ends connections, also those that are only being made. */
  readonly closed: AbortSignal;
}

/** The promise's outcome, or a `timeout` when the other side takes too long. */
async function within<T>(deps: ConnectorDeps, hostname: string, promise: Promise<T>): Promise<T> {
  const { signal, clear } = withDeadline(deps.clock, deps.connectMs, deps.closed);
  try {
    return await Promise.race([
      promise,
      new Promise<never>((_resolve, reject) => {
        const onAbort = (): void =>
          reject(
            deps.closed.aborted
              ? new AppError('upstream_error', `no connection to "${hostname}": the client is closed`)
              : new AppError('timeout', `the name "${hostname}" was not resolved in time`, {
                  cause: new errors.ConnectTimeoutError(),
                }),
          );
        if (signal.aborted) onAbort();
        else signal.addEventListener('abort', onAbort, { once: true });
      }),
    ]);
  } finally {
    clear();
  }
}

/** Addresses of the destination, each of them checked. */
async function chooseAddresses(deps: ConnectorDeps, destination: Destination): Promise<HostAddress[]> {
  const { hostname } = destination;
  const literal = isIP(hostname);
  const found =
    literal === 0
      ? await within(deps, hostname, deps.resolve(hostname))
      : [{ address: hostname, family: literal }];
  if (found.length === 0) throw new AppError('upstream_error', `"${hostname}" has no address`);
  for (const { address } of found) assertAddress(address, destination, deps.allowPrivate());
  return [...found];
}

/** Why the peer that was reached is not the one to talk to, if so. */
function peerFault(
  deps: ConnectorDeps,
  destination: Destination,
  peer: string | undefined,
): Error | undefined {
  // A peer that has hung up already has no address any more.
  if (peer === undefined)
    return new AppError('upstream_error', `the connection to "${destination.hostname}" broke`);
  try {
    assertAddress(peer, destination, deps.allowPrivate());
    return undefined;
  } catch (refusal) {
    return refusal as Error;
  }
}

interface Ending {
  readonly signal: AbortSignal;
  /** The deadline has ended it. */
  isLate(): boolean;
  stopDeadline(): void;
  forget(): void;
}

/** What ends one connection: the deadline while it is being made, the client's end at any time. */
function endingOf({ clock, closed }: ConnectorDeps, milliseconds: number): Ending {
  const controller = new AbortController();
  let late = false;
  const end = (): void => controller.abort();
  const stopDeadline = clock.after(Math.max(1, milliseconds), () => {
    late = true;
    end();
  });
  if (closed.aborted) end();
  else closed.addEventListener('abort', end, { once: true });
  return {
    signal: controller.signal,
    isLate: () => late,
    stopDeadline,
    forget: () => closed.removeEventListener('abort', end),
  };
}

/**
 * Connects only where the guard allows: every address the name has is checked, the connection is made to one that was
 * checked, and the peer that was reached is checked again. The name stays for TLS and the Host header.
 */
export function createGuardedConnector(deps: ConnectorDeps): buildConnector.connector {
  return (options, callback) => {
    const hostname = plainHost(options.hostname);
    const port = Number(options.port) || (options.protocol === 'https:' ? 443 : 80);
    const destination = { hostname, port };
    const startMs = deps.clock.now();
    chooseAddresses(deps, destination).then(
      (addresses) => {
        // undici's own timer counts in half seconds.
        const ending = endingOf(deps, deps.connectMs - (deps.clock.now() - startMs));
        const connect = buildConnector({
          timeout: 0,
          autoSelectFamily: true,
          signal: ending.signal,
          lookup: (_name, lookupOptions, answer) => {
            const first = addresses[0];
            if (lookupOptions.all === true) answer(null, addresses);
            else answer(null, first?.address ?? '', first?.family ?? 4);
          },
        });
        connect(
          { ...options, servername: options.servername ?? (isIP(hostname) === 0 ? hostname : '') },
          (error, socket) => {
            ending.stopDeadline();
            if (error !== null) {
              ending.forget();
              callback(ending.isLate() ? new errors.ConnectTimeoutError() : error, null);
              return;
            }
            socket.once('close', ending.forget);
            const fault = peerFault(deps, destination, socket.remoteAddress);
            if (fault === undefined) {
              callback(null, socket);
              return;
            }
            socket.destroy();
            callback(fault, null);
          },
        );
      },
      (error: unknown) => callback(error as Error, null),
    );
  };
}
