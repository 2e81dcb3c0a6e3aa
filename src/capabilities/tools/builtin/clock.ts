import { z } from 'zod';
import type { Clock } from '../../../base/index.ts';
import { defineTool } from '../define-tool.ts';
import { ToolResult, type Tool } from '../tool.ts';

/** "tokyo" → "Asia/Tokyo"; the text itself when no zone ends so. */
function toZone(text: string): string {
  const wanted = text.trim().replaceAll(' ', '_').toLowerCase();
  return (
    Intl.supportedValuesOf('timeZone').find(
      (zone) => zone.toLowerCase() === wanted || zone.toLowerCase().endsWith(`/${wanted}`),
    ) ?? text
  );
}

/** The present time, in any time zone. */
export function createClockTool(clock: Clock): Tool {
  return defineTool({
    name: 'clock',
    description: 'Tells the present date and time in a time zone.',
    parameters: z.strictObject({
      timezone: z
        .string()
        .min(1)
        .default('UTC')
        .describe('IANA time zone or city, such as "Europe/Lisbon" or "Tokyo".'),
    }),
    effect: 'none',
    examples: ['what time is it', 'what time is it in Tokyo', 'what is the date today'],
    execute: ({ timezone }) => {
      const zone = toZone(timezone);
      const now = new Date(clock.now());
      try {
        const text = new Intl.DateTimeFormat('en-GB', {
          dateStyle: 'full',
          timeStyle: 'long',
          timeZone: zone,
        }).format(now);
        return Promise.resolve(
          ToolResult.ok(`${text} (${zone}); UTC ${now.toISOString()}`, { data: now.toISOString() }),
        );
      } catch {
        return Promise.resolve(
          ToolResult.fail(
            `timezone: "${timezone}" is no time zone; expected one such as "Europe/Lisbon"`,
            'invalid_request',
          ),
        );
      }
    },
  });
}
