/** A path with its ids and tokens taken out. */
export function discordCallName(path: string): string {
  return (path.split('?')[0] ?? '')
    .replace(/^\/webhooks\/[^/]+\/[^/]+/, '/webhooks/:id/:token')
    .replace(/^\/interactions\/[^/]+\/[^/]+/, '/interactions/:id/:token')
    .replace(/^\/(channels|applications|guilds)\/\d+/, '/$1/:id')
    .replace(/(\/messages)\/\d+$/, '$1/:id');
}
