import type { ChannelHub } from '../entrypoints/channels/index.ts';
import type { ExtraRoutes } from '../entrypoints/http/index.ts';

/** `POST /webhooks/{platform}/{channel}`: updates of chat platforms, verified over their raw bytes by the channel. */
export function channelRoutes(channels: ChannelHub): ExtraRoutes {
  return (app) => {
    app.post<{ Params: { platform: string; channel: string } }>(
      '/webhooks/:platform/:channel',
      { config: { public: true } },
      async (request, reply) => {
        const headers = Object.fromEntries(
          Object.entries(request.headers).flatMap(([name, value]) =>
            typeof value === 'string' ? [[name, value]] : [],
          ),
        );
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        const { status } = await channels.handleWebhook(request.params.platform, request.params.channel, {
          headers,
          body,
        });
        return reply.status(status).send();
      },
    );
  };
}
