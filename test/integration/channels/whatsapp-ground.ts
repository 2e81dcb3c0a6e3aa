import type { ChannelHub, ChannelHubDeps } from '../../../src/entrypoints/channels/index.ts';
import { channelDefinition } from '../../../src/protocol/index.ts';
import { FakeWhatsApp } from '../../../src/testing/channels.ts';
import { startChannelGround, type ChannelGround } from './channel-ground.ts';

/** The ground of channels with a fake WhatsApp beside it. */
export interface WhatsAppGround extends ChannelGround {
  readonly whatsapp: FakeWhatsApp;
  /** A hub with its webhooks behind a port, which WhatsApp calls. */
  startWhatsApp(spec?: object, deps?: Partial<ChannelHubDeps>): Promise<ChannelHub>;
}

/** A ground on a database in memory. */
export async function startWhatsAppGround(): Promise<WhatsAppGround> {
  const ground = await startChannelGround();
  const whatsapp = await FakeWhatsApp.start();
  whatsapp.retryDelaysMs = [0, 20, 50, 100];
  return {
    ...ground,
    whatsapp,
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
      whatsapp.webhookUrl = await ground.openEndpoint(hub, 'whatsapp');
      return hub;
    },
    async close() {
      await whatsapp.stop();
      await ground.close();
    },
  };
}
