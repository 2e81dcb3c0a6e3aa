import { AppError } from '../../base/index.ts';
import { isLoopbackHost } from '../../platform/config/index.ts';

interface HostRules {
  /** Error: `forbidden` for a name that is not this server's. `localAddress`: the socket's own end. */
  checkHost(host: string | undefined, localAddress: string | undefined): void;
  /** Error: `forbidden` for a page of another site that is not allowed. */
  checkOrigin(origin: string, host: string | undefined): void;
  isAllowedOrigin(origin: string): boolean;
}

/** `[::1]:8000` → `::1`, `Example.com:80` → `example.com`. */
function nameOf(host: string): string {
  const bracketed = /^\[([^\]]+)\]/.exec(host)?.[1];
  return (bracketed ?? host.replace(/:\d*$/, '')).toLowerCase();
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

/**
 * Keeps web pages of others out: a page can make its own name point here (DNS rebinding) or post to us across sites. An
 * IP address as host cannot be rebound, so the socket's own is as good as a configured name.
 */
export function createHostRules(options: {
  listenHost: string;
  allowedHosts: readonly string[];
  allowedOrigins: readonly string[];
}): HostRules {
  const names = new Set([options.listenHost, ...options.allowedHosts].map(nameOf));
  const suffixes = [...names].filter((name) => name.startsWith('*.')).map((name) => name.slice(1));
  const origins = new Set(options.allowedOrigins.map((origin) => origin.replace(/\/$/, '')));
  return {
    checkHost(host, localAddress) {
      const name = nameOf(host ?? '');
      if (isLoopbackHost(name) || names.has(name) || name === localAddress?.replace(/^::ffff:/, '')) return;
      if (suffixes.some((suffix) => name.endsWith(suffix))) return;
      throw new AppError(
        'forbidden',
        `the host name ${shown(name)} is not one of this server's; add it to API_ALLOWED_HOSTS if it should be`,
      );
    },
    checkOrigin(origin, host) {
      if (origins.has(origin)) return;
      // Only the host counts: a proxy in front may speak https where we see http.
      if (URL.canParse(origin) && new URL(origin).host === host?.toLowerCase()) return;
      throw new AppError(
        'forbidden',
        `pages of ${shown(origin)} may not call this server; add it to API_ALLOWED_ORIGINS if they should`,
      );
    },
    isAllowedOrigin: (origin) => origins.has(origin),
  };
}
