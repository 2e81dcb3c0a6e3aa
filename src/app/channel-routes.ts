import type { ChannelHub } from '../entrypoints/channels/index.ts';
import type { ExtraRoutes } from '../entrypoints/http/index.ts';

/** `GET|POST /webhooks/{platform}/{channel}`: updates of chat platforms, verified over their raw bytes by the channel. */
export function channelRoutes(channels: ChannelHub): ExtraRoutes {
  return (app) => {
    app.route<{ Params: { platform: string; channel: string } }>({
      method: ['GET', 'POST'],
      url: '/webhooks/:platform/:channel',
      config: { public: true },
      handler: async (request, reply) => {
        const headers = Object.fromEntries(
          Object.entries(request.headers).flatMap(([name, value]) =>
            typeof value === 'string' ? [[name, value]] : [],
          ),
        );
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        const query = Object.fromEntries(
          Object.entries(request.query as Record<string, unknown>).flatMap(([name, value]) =>
            typeof value === 'string' ? [[name, value]] : [],
          ),
        );
        const answer = await channels.handleWebhook(request.params.platform, request.params.channel, {
          method: request.method === 'GET' ? 'GET' : 'POST',
          headers,
          query,
          body,
        });
        if (answer.contentType !== undefined) reply.type(answer.contentType);
        return reply.status(answer.status).send(answer.body);
      },
    });
  };
}
