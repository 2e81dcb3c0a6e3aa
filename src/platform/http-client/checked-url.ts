import { AppError } from '../../base/index.ts';
import { matchesHost } from './address-guard.ts';

/** Scheme and host of something that is no address, without what may be secret: credentials, path, query. */
function shownPart(text: string): string {
  const behindCredentials = text.slice(text.lastIndexOf('@') + 1);
  return /^(?:[a-z][a-z\d+.-]*:)?[/\\]*[^/\\?#]*/i.exec(behindCredentials)?.[0].slice(0, 100) ?? '';
}

/** Parses an address that a policy's client may be asked for; `base` is the page that redirects to it. */
export function checkedUrl(text: string, hosts: readonly string[] | undefined, base?: URL): URL {
  const url = URL.parse(text, base?.href);
  if (url === null) {
    throw base === undefined
      ? new AppError(
          'invalid_request',
          `url: "${shownPart(text)}" is not an address; expected http(s)://host/…`,
        )
      : new AppError('upstream_error', `"${base.host}" redirects to something that is not an address`);
  }
  const deny = (message: string): AppError =>
    new AppError('egress_denied', message, { details: { host: url.hostname } });
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    const place = url.hostname === '' ? '' : ` for "${url.hostname}"`;
    throw deny(`only http and https may be used, not "${url.protocol.slice(0, -1)}"${place}`);
  }
  if (url.username !== '' || url.password !== '')
    throw deny(`an address must not carry credentials: host "${url.hostname}"`);
  if (hosts !== undefined && !hosts.some((pattern) => matchesHost(pattern, url.hostname)))
    throw deny(`host "${url.hostname}" is not on the list of allowed hosts`);
  return url;
}
