import { createHash } from 'node:crypto';
import { AppError, isJsonObject, toAppError, type Json, type JsonObject } from '../../../base/index.ts';
import type { WebhookChannelSpec } from '../../../protocol/index.ts';
import { checkReplyUrl } from '../posted-answers/check-reply-url.ts';
import { compileField, type ExpressionSource, type ReadField } from './compile-field.ts';
import type { WebhookCall } from './decode-call.ts';
import { fieldsOfScheme } from './scheme-fields.ts';

const longestId = 200;
const fieldNames = ['text', 'userId', 'userName', 'conversationId', 'messageId', 'event'] as const;
type FieldName = (typeof fieldNames)[number];

/** What a call says. */
export interface MappedCall {
  readonly text: string;
  readonly userId: string | undefined;
  readonly userName: string | undefined;
  readonly conversationId: string | undefined;
  /** The sender's id of the call, else the digest of its body. */
  readonly messageId: string;
  readonly event: string | undefined;
  readonly inputs: JsonObject | undefined;
  readonly replyUrl: string | undefined;
  /** Name of the event to publish. */
  readonly publish: string | undefined;
}

/** What becomes of a call. `missing`: it has not what it needs. */
export type Mapping =
  | { readonly mapped: MappedCall }
  | { readonly ignored: string }
  | { readonly missing: string };

/** Reads calls as the definition says. Never throws. */
export type MapCall = (call: WebhookCall) => Mapping;

/** Error: `invalid_definition`, naming the field. */
export function createCallMapping(spec: WebhookChannelSpec, expressions: ExpressionSource): MapCall {
  const compile = (field: string, expression: string): ReadField => {
    try {
      return compileField(expression, expressions);
    } catch (error) {
      throw new AppError('invalid_definition', `${field}: ${toAppError(error).message}`);
    }
  };
  const defaults = fieldsOfScheme(spec.signature.scheme);
  const read = Object.fromEntries(
    fieldNames.map((name): [FieldName, readonly ReadField[]] => {
      const written = spec.message[name];
      if (written !== undefined) return [name, [compile(`spec.message.${name}`, written)]];
      const usual = name === 'messageId' || name === 'event' ? defaults[name] : [];
      return [name, usual.map((path) => compile(name, path))];
    }),
  ) as Record<FieldName, readonly ReadField[]>;
  const urlFrom = spec.reply?.urlFrom;
  const readUrl = urlFrom === undefined ? undefined : compile('spec.reply.urlFrom', urlFrom);

  return (call) => {
    const whole: JsonObject = { body: call.body, headers: call.headers, query: call.query };
    const event = valueOf(read.event, whole);
    const scope: JsonObject = { ...whole, event: event.text ?? '' };
    const { when, message, publish } = spec;
    if (when !== undefined) {
      const reason = unlessHolds(expressions, when, scope);
      if (reason !== undefined) return { ignored: reason };
    }
    const values: Record<FieldName, Value> = {
      text: message.text === undefined ? { text: usualText(call.body) } : valueOf(read.text, scope),
      userId: valueOf(read.userId, scope),
      userName: valueOf(read.userName, scope),
      conversationId: valueOf(read.conversationId, scope),
      messageId: valueOf(read.messageId, scope),
      event,
    };
    for (const name of message.require) {
      const { text, reason } = values[name];
      if (text === undefined) return { missing: absent(name, message[name], reason) };
    }
    try {
      const replyUrl = readUrl === undefined ? undefined : textOf(readUrl(scope));
      if (replyUrl !== undefined) checkReplyUrl(replyUrl, spec.reply?.hosts ?? []);
      return {
        mapped: {
          text: values.text.text ?? '',
          userId: idOf(values.userId),
          userName: values.userName.text?.slice(0, longestId),
          conversationId: idOf(values.conversationId),
          messageId: idOf(values.messageId) ?? call.digest,
          event: event.text?.slice(0, longestId),
          inputs: inputsOf(spec, expressions, scope),
          replyUrl,
          publish: publish === undefined ? undefined : expressions().render(publish, scope),
        },
      };
    } catch (error) {
      return { missing: toAppError(error).message };
    }
  };
}

interface Value {
  readonly text?: string | undefined;
  /** Why there is none. */
  readonly reason?: string;
}

function valueOf(fields: readonly ReadField[], scope: JsonObject): Value {
  for (const read of fields) {
    try {
      const text = textOf(read(scope));
      if (text !== undefined) return { text };
    } catch (error) {
      return { reason: toAppError(error).message };
    }
  }
  return {};
}

/** Nothing counts as nothing: null, an empty text, blanks. */
function textOf(value: Json | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.trim() === '' ? undefined : text;
}

/** The text of an id; a very long one becomes its digest. */
function idOf({ text }: Value): string | undefined {
  if (text === undefined || text.length <= longestId) return text;
  return createHash('sha256').update(text).digest('hex');
}

function absent(name: FieldName, written: string | undefined, reason: string | undefined): string {
  if (reason !== undefined) return `message.${name}: ${reason}`;
  return written === undefined ? `the call has no ${name}` : `message.${name}: nothing is at ${written}`;
}

function usualText(body: Json): string | undefined {
  if (!isJsonObject(body)) return textOf(body);
  const named = ['text', 'message', 'content'].map((name) => body[name]);
  return (
    named.find((one): one is string => typeof one === 'string' && one.trim() !== '') ?? JSON.stringify(body)
  );
}

function unlessHolds(expressions: ExpressionSource, when: string, scope: JsonObject): string | undefined {
  try {
    return expressions().condition(when, scope) ? undefined : `when: ${when} does not hold`;
  } catch (error) {
    return `when: ${toAppError(error).message}`;
  }
}

function inputsOf(
  { inputs }: WebhookChannelSpec,
  expressions: ExpressionSource,
  scope: JsonObject,
): JsonObject | undefined {
  const { body } = scope;
  if (inputs === undefined) return isJsonObject(body) ? body : undefined;
  return expressions().evaluate(inputs as JsonObject, scope) as JsonObject;
}
