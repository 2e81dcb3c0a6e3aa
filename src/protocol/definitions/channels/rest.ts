import { z } from 'zod';
import { durationMs } from '../metadata.ts';
import { sharedChannelFields } from './shared.ts';
import { hostNames, notForPeople, outgoingPosts, webAccess } from './web-shared.ts';

/** Our own HTTP API as a channel. */
export const restChannel = z
  .strictObject({
    enabled: sharedChannelFields.enabled,
    platform: z.literal('rest').describe('Our own HTTP API.'),
    agent: sharedChannelFields.agent,
    routes: sharedChannelFields.routes,
    wait: durationMs
      .default(30_000)
      .describe('How long a call without `wait` is kept for the answer; 0: it is told the run at once.'),
    callbacks: z
      .strictObject({
        hosts: hostNames
          .default([])
          .describe('Hosts that a call may have its answer posted to. An empty list: none.'),
        ...outgoingPosts,
      })
      .prefault({})
      .describe('Answers that are posted to an address of the caller.'),
    session: sharedChannelFields.session,
    busy: z
      .enum(['followup', 'interrupt'])
      .default('followup')
      .describe('What is said while an answer is in progress: a turn after it, or the end of it.'),
    access: webAccess,
  })
  .transform((spec) => ({ ...spec, ...notForPeople, mode: 'http' as const, quiet: 0, debounce: 0 }));

export type RestChannelSpec = z.output<typeof restChannel>;
