import type { JsonObject, Json } from '../../../base/index.ts';
import { AppError } from '../../../base/index.ts';
import type { AgentRequest, PermissionScope, Scope } from '../../../protocol/index.ts';
import type { RunRetrier } from '../../runs/index.ts';
import type { AutomationDeps } from '../automation-deps.ts';
import {
  actorOf,
  assertFields,
  changed,
  targetOf,
  type LetterHandler,
  type LetterRow,
} from './letter-handler.ts';

/** Runs that ended with their process too often: sent again as a new run. */
export function createRunLetters(
  deps: Pick<AutomationDeps, 'storage' | 'runs'> & { readonly retrier: RunRetrier },
): LetterHandler {
  const { storage, runs, retrier } = deps;

  async function requestOf(letter: LetterRow): Promise<AgentRequest | undefined> {
    if (letter.payload !== null) return letter.payload as unknown as AgentRequest;
    const row = await storage.db
      .selectFrom('inbox')
      .select('request')
      .where('run_id', '=', letter.ref_id)
      .where('tenant', '=', letter.tenant)
      .executeTakeFirst();
    return row?.request;
  }

  async function runOf(letter: LetterRow) {
    return storage.db
      .selectFrom('runs')
      .select([
        'id',
        'status',
        'target_kind',
        'target_name',
        'principal',
        'scopes',
        'input',
        'created_at',
        'ended_at',
      ])
      .where('id', '=', letter.ref_id)
      .where('tenant', '=', letter.tenant)
      .executeTakeFirst();
  }

  return {
    payload: async (letter) => ((await requestOf(letter)) as unknown as JsonObject | undefined) ?? null,
    async subject(letter): Promise<Json> {
      const run = await runOf(letter);
      if (run === undefined) return { run_id: letter.ref_id };
      return {
        run_id: run.id,
        status: run.status,
        target: { kind: run.target_kind, name: run.target_name },
        principal: run.principal,
        created_at: run.created_at.toISOString(),
        ended_at: run.ended_at?.toISOString() ?? null,
      };
    },
    async retry(scope, letter, patch, resolve) {
      if (patch !== undefined) assertFields(patch, ['target', 'input']);
      const run = await runOf(letter);
      const change = (input: Json): Partial<Pick<AgentRequest, 'target' | 'input'>> => ({
        ...(patch?.['target'] === undefined ? {} : { target: targetOf(patch['target']) }),
        ...(patch?.['input'] === undefined ? {} : { input: changed(input, patch['input']) }),
      });
      if (run !== undefined) {
        const { principal, scopes } = run;
        const before: Scope = {
          tenant: letter.tenant,
          principal,
          scopes: scopes as readonly PermissionScope[],
        };
        const changes = change(run.input);
        const target = changes.target ?? { kind: run.target_kind, name: run.target_name };
        const actor = actorOf(scope, before, patch, target);
        const again = await retrier.retryWithin(actor, run.id, changes, resolve);
        return again === undefined ? undefined : { runId: again.runId };
      }
      // The run is past its retention, and with it its principal's rights; its request was kept with the letter.
      const request = await requestOf(letter);
      if (request === undefined)
        throw new AppError('conflict', 'the request of this run is past its retention; discard the letter');
      const again: AgentRequest = {
        ...request,
        ...change(request.input),
        dedupeKey: null,
        metadata: { ...request.metadata, retry_of: letter.ref_id },
      };
      const submitted = await runs.submitWithin(
        actorOf(scope, scope, patch ?? {}, again.target),
        again,
        resolve,
      );
      return submitted === undefined ? undefined : { runId: submitted.runId };
    },
  };
}
