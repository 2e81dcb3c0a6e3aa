/** One turn of the agent `bench` over HTTP. */
export async function postTurn(server: { readonly url: string; readonly apiKey: string }): Promise<void> {
  const response = await fetch(`${server.url}/api/v1/chat`, {
    method: 'POST',
    headers: { 'x-api-key': server.apiKey, 'content-type': 'application/json' },
    body: JSON.stringify({ message: 'How warm is it in Oslo?', agent: 'bench' }),
  });
  const text = await response.text();
  if (!response.ok || !text.includes('18 degrees')) throw new Error(`${response.status} ${text}`);
}
