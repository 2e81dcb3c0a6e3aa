import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ChannelHub, ChannelHubDeps } from '../../../src/entrypoints/channels/index.ts';
import { channelDefinition } from '../../../src/protocol/index.ts';
import { FakeWhatsApp } from '../../../src/testing/channels.ts';
import { startChannelGround, type ChannelGround } from './channel-ground.ts';

/** The ground of channels with a fake WhatsApp beside it. */
export interface WhatsAppGround extends ChannelGround {
  readonly whatsapp: FakeWhatsApp;
  /** A hub with its webhooks behind a port, which WhatsApp calls. */
  startWhatsApp(spec?: object, deps?: Partial<ChannelHubDeps>): Promise<ChannelHub>;
  count(table: 'runs' | 'dead_letters'): Promise<number>;
  outbox(): Promise<
    readonly { status: string; cursor: number; platform_ids: unknown; last_error: string | null }[]
  >;
  /** Resolves when nothing is on its way any more. */
  untilSettled(): Promise<void>;
}

/** A ground on a database in memory. */
export async function startWhatsAppGround(): Promise<WhatsAppGround> {
  const ground = await startChannelGround();
  const whatsapp = await FakeWhatsApp.start();
  whatsapp.retryDelaysMs = [0, 20, 50, 100];
  const servers: { close: () => void; closeAllConnections: () => void }[] = [];
  const outbox = () =>
    ground.storage.db
      .selectFrom('outbox')
      .select(['status', 'cursor', 'platform_ids', 'last_error'])
      .orderBy('created_at')
      .execute();
  return {
    ...ground,
    whatsapp,
    outbox,
    async startWhatsApp(spec = {}, deps = {}) {
      const definition = channelDefinition.parse({
        apiVersion: 'agent33/v1',
        kind: 'Channel',
        metadata: { name: 'whatsapp' },
        spec: {
          platform: 'whatsapp',
          agent: 'echo',
          busy: 'followup',
          phoneNumberId: whatsapp.phoneNumberId,
          accessToken: whatsapp.accessToken,
          appSecret: whatsapp.appSecret,
          verifyToken: whatsapp.verifyToken,
          apiBase: whatsapp.apiBase,
          ...spec,
        },
      });
      const hub = await ground.startHub([definition], deps);
      const server = createServer((request, response) => {
        const parts: Buffer[] = [];
        request.on('data', (part: Buffer) => parts.push(part));
        request.on('end', () => {
          const url = new URL(request.url ?? '/', 'http://hub');
          const raw = {
            method: request.method === 'GET' ? ('GET' as const) : ('POST' as const),
            headers: request.headers as Record<string, string>,
            query: Object.fromEntries(url.searchParams),
            body: Buffer.concat(parts),
          };
          void hub.handleWebhook('whatsapp', 'whatsapp', raw).then((answer) => {
            response.writeHead(answer.status, { 'content-type': answer.contentType ?? 'text/plain' });
            response.end(answer.body);
          });
        });
      });
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      servers.push(server);
      whatsapp.webhookUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      return hub;
    },
    async count(table) {
      const row = await ground.storage.db
        .selectFrom(table)
        .select((builder) => builder.fn.countAll<string>().as('count'))
        .executeTakeFirstOrThrow();
      return Number(row.count);
    },
    async untilSettled() {
      for (;;) {
        if ((await outbox()).every((row) => !['queued', 'sending'].includes(row.status))) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async close() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
      await whatsapp.stop();
      await ground.close();
    },
  };
}
