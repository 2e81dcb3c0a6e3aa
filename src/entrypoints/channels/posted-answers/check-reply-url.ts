import { AppError } from '../../../base/index.ts';

/** Error: `invalid_request` for an address that may not get answers. `hosts`: names and `*.names`. */
export function checkReplyUrl(address: string, hosts: readonly string[]): void {
  const url = URL.parse(address);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw new AppError('invalid_request', 'the address for the answer is no http or https address');
  const host = url.hostname.toLowerCase();
  const isListed = hosts.some((listed) =>
    listed.startsWith('*.') ? host.endsWith(listed.slice(1).toLowerCase()) : host === listed.toLowerCase(),
  );
  if (!isListed)
    throw new AppError('invalid_request', `the host "${host}" is not among those that may get answers`);
}
