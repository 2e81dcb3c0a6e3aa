import { isJsonObject, tryParseJson, type Json } from '../../../base/index.ts';
import type { FinishReason, Usage } from '../../../protocol/index.ts';
import type { WireShape } from '../provider.ts';
import { finishReasonOfWire, usageOfWire } from './wire-usage.ts';

/** Longer answers, such as vectors, are not parsed: it would hold up everything else. */
const mostParsedBytes = 262_144;
const usageTailBytes = 4096;

/** What a whole answer in a wire shape says of itself. */
export interface WireJson {
  /** Not an answer: an error report, or no JSON at all. */
  readonly verdict: 'answer' | 'error' | 'unreadable';
  readonly report?: Json;
  readonly usage?: Usage;
  readonly finishReason?: FinishReason;
}

/** The object behind the last `"usage":` near the end, or near the beginning, of a long answer. */
function usageInText(text: string): Json | undefined {
  const start = text.lastIndexOf('"usage"');
  const open = text.indexOf('{', start);
  if (start === -1 || open === -1) return undefined;
  for (let end = text.indexOf('}', open); end !== -1; end = text.indexOf('}', end + 1)) {
    const value = tryParseJson(text.slice(open, end + 1));
    if (value !== undefined) return value;
  }
  return undefined;
}

const lastText = (body: Buffer): string => body.toString('latin1', Math.max(0, body.length - usageTailBytes));

/** The usage at the end of an answer of which there is only the end. */
export function usageOfTail(shape: WireShape, tail: Buffer): Usage | undefined {
  const usage = usageInText(lastText(tail));
  return isJsonObject(usage) ? usageOfWire(shape, usage) : undefined;
}

function readLong(shape: WireShape, body: Buffer): WireJson {
  if (!/[}\]]\s*$/.test(lastText(body))) return { verdict: 'unreadable' };
  const usage = usageOfTail(shape, body) ?? usageOfTail(shape, body.subarray(0, usageTailBytes));
  return { verdict: 'answer', ...(usage === undefined ? {} : { usage }) };
}

/** Reads what a whole answer says of itself; long ones only by their end. */
export function readWireJson(shape: WireShape, body: Buffer): WireJson {
  if (body.length > mostParsedBytes) return readLong(shape, body);
  const json = tryParseJson(body.toString('utf8'));
  if (Array.isArray(json)) return { verdict: 'answer' };
  if (!isJsonObject(json)) return { verdict: 'unreadable' };
  const { error, usage, choices } = json;
  const failed = isJsonObject(error) || (typeof error === 'string' && error !== '');
  // An answer of the Responses API may bear an error and be one all the same.
  if ((failed && json['object'] !== 'response') || json['type'] === 'error')
    return { verdict: 'error', report: json };
  const [choice] = Array.isArray(choices) ? (choices as readonly Json[]) : [];
  const finishReason = finishReasonOfWire(
    (isJsonObject(choice) ? choice['finish_reason'] : undefined) ?? json['stop_reason'] ?? json['status'],
  );
  return {
    verdict: 'answer',
    ...(isJsonObject(usage) ? { usage: usageOfWire(shape, usage) } : {}),
    ...(finishReason === undefined ? {} : { finishReason }),
  };
}
