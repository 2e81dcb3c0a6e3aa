import { AppError, isJsonObject, type ErrorCode, type JsonObject } from '../../../base/index.ts';
import { textOf } from '../../../protocol/index.ts';
import type { ModelRequest } from '../provider.ts';

/** One rule of a script: the first one whose conditions all hold answers. */
export interface OfflineScriptStep {
  readonly when?: {
    /** The last user message contains this text, whatever its case. */
    readonly lastUser?: string;
    /** The conversation ends with a result of this tool. */
    readonly toolResultOf?: string;
    /** Name of the model as asked for, `script:<name>`. */
    readonly model?: string;
    /** Number of answers given so far in this conversation, from 0. */
    readonly turn?: number;
  };
  readonly reply?: string;
  /** The reply in the pieces in which it is streamed. */
  readonly chunks?: readonly string[];
  readonly toolCalls?: readonly { readonly name: string; readonly arguments?: JsonObject }[];
  readonly error?: { readonly code: ErrorCode; readonly message: string };
  readonly delayMs?: number;
}

/** Scripts by name: `offline/script:demo` plays `demo`. */
export type OfflineScripts = Readonly<Record<string, readonly OfflineScriptStep[]>>;

/** The step that answers a request. Errors: `not_found` for an unknown script, `model_rejected` where no step fits. */
export function scriptStep(name: string, scripts: OfflineScripts, request: ModelRequest): OfflineScriptStep {
  const steps = Object.hasOwn(scripts, name) ? scripts[name] : undefined;
  if (steps === undefined) {
    const known = Object.keys(scripts);
    throw new AppError(
      'not_found',
      `There is no offline script "${name}". ${known.length === 0 ? 'None is registered.' : `Known are: ${known.join(', ')}.`}`,
    );
  }
  const lastUser = request.messages.findLast((message) => message.role === 'user');
  const said = lastUser === undefined ? '' : textOf(lastUser.content).toLowerCase();
  const last = request.messages.at(-1);
  const turn = request.messages.filter((message) => message.role === 'assistant').length;
  const step = steps.find(({ when = {} }) => {
    if (when.lastUser !== undefined && !said.includes(when.lastUser.toLowerCase())) return false;
    if (when.toolResultOf !== undefined && !(last?.role === 'tool' && last.name === when.toolResultOf))
      return false;
    if (when.model !== undefined && when.model !== request.model) return false;
    return when.turn === undefined || when.turn === turn;
  });
  if (step === undefined)
    throw new AppError('model_rejected', `No step of the offline script "${name}" fits turn ${turn}.`);
  if (step.toolCalls?.some((call) => call.arguments !== undefined && !isJsonObject(call.arguments)))
    throw new AppError(
      'model_rejected',
      `A tool call of the offline script "${name}" has arguments that are no object.`,
    );
  return step;
}
