import type { CallRoute } from '../../../capabilities/models/index.ts';

/** Names come from files and clients; a header takes printable ASCII. */
function plain(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : encodeURIComponent(text);
}

/** Which way a call went, as headers of its answer. */
export function routeHeaders(route: CallRoute): Record<string, string> {
  const headers: Record<string, string> = {
    'x-a33-deployment': plain(route.deployment),
    'x-a33-model': plain(`${route.provider}/${route.model}`),
    'x-a33-attempts': String(route.attempts),
    'x-a33-overhead-ms': route.overheadMs.toFixed(1),
    'x-a33-cache': route.cache,
  };
  if (route.offline) headers['x-a33-offline'] = 'true';
  return headers;
}
