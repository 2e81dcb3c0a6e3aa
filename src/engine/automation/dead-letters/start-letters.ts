import { AppError, isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { AgentRequest, ScheduleSpec, Scope, SensorSpec } from '../../../protocol/index.ts';
import type { DefinitionStore } from '../../definitions/index.ts';
import type { AutomationDeps } from '../automation-deps.ts';
import { requestOfSlot } from '../schedules/fire-slot.ts';
import { changeSlot } from '../schedules/schedule-records.ts';
import { requestOfEvents } from '../sensors/attend-sensor.ts';
import { automationScope } from '../start-request.ts';
import {
  actorOf,
  assertFields,
  changed,
  targetOf,
  type LetterHandler,
  type LetterRow,
} from './letter-handler.ts';

type StartSpec = Pick<ScheduleSpec, 'start' | 'inputs' | 'sessionKey'>;

/** What is started on retry: as the definition says now, which is where faults are mended, or what a patch says. */
async function specFor(
  letter: LetterRow,
  patch: JsonObject | undefined,
  current: () => Promise<StartSpec | Pick<SensorSpec, 'start' | 'inputs'>>,
): Promise<StartSpec> {
  if (patch !== undefined) assertFields(patch, ['target', 'inputs']);
  const stored = letter.payload ?? {};
  let spec: StartSpec;
  try {
    spec = { sessionKey: undefined, ...(await current()) };
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'not_found') throw error;
    const inputs = isJsonObject(stored['inputs']) ? stored['inputs'] : {};
    spec = { start: targetOf(stored['target']), inputs, sessionKey: undefined };
  }
  const inputs = changed(spec.inputs as Json, patch?.['inputs']);
  if (!isJsonObject(inputs)) throw new AppError('invalid_request', 'patch.inputs: expected an object');
  return { ...spec, start: patch?.['target'] === undefined ? spec.start : targetOf(patch['target']), inputs };
}

const systemOf = (letter: LetterRow): Scope => ({
  tenant: letter.tenant,
  principal: 'system',
  scopes: ['admin'],
});

const again = (request: AgentRequest, letter: LetterRow): AgentRequest => ({
  ...request,
  metadata: { ...request.metadata, retry_of: letter.id },
});

/** Slots that could not be started. */
export function createScheduleLetters(
  deps: Pick<AutomationDeps, 'storage' | 'clock' | 'runs' | 'evaluate'> & {
    readonly schedules: DefinitionStore<'Schedule'>;
  },
): LetterHandler {
  const nameOf = (letter: LetterRow): string => letter.ref_id.split('@')[0] ?? '';
  return {
    payload: (letter) => Promise.resolve(startOf(letter)),
    subject: (letter) =>
      Promise.resolve({ schedule: nameOf(letter), slot: letter.payload?.['slot'] ?? null }),
    async retry(scope, letter, patch, resolve) {
      const name = nameOf(letter);
      const slot = Date.parse(letter.ref_id.slice(name.length + 1));
      const spec = await specFor(
        letter,
        patch,
        async () => (await deps.schedules.get(systemOf(letter), name)).definition.spec,
      );
      const request = again(await requestOfSlot(deps, { name, spec }, slot), letter);
      const before = automationScope(letter.tenant, 'schedule', name);
      const actor = actorOf(scope, before, patch, request.target);
      const submitted = await deps.runs.submitWithin(actor, request, async (trx, runId) => {
        if (!(await resolve(trx, runId))) return false;
        const now = deps.clock.now();
        const key = { tenant: letter.tenant, name, slot, now };
        // The row may be past its retention; the letter alone is enough.
        await changeSlot(trx, { ...key, from: 'failed', to: 'fired', reason: 'retried', runId });
        return true;
      });
      return submitted === undefined ? undefined : { runId: submitted.runId };
    },
  };
}

/** Events that a sensor could not start anything for. */
export function createSensorLetters(
  deps: Pick<AutomationDeps, 'runs' | 'evaluate'> & { readonly sensors: DefinitionStore<'Sensor'> },
): LetterHandler {
  return {
    payload: (letter) => Promise.resolve(startOf(letter)),
    subject: (letter) => Promise.resolve({ sensor: letter.ref_id, events: letter.payload?.['events'] ?? [] }),
    async retry(scope, letter, patch, resolve) {
      const name = letter.ref_id;
      const spec = await specFor(
        letter,
        patch,
        async () => (await deps.sensors.get(systemOf(letter), name)).definition.spec,
      );
      const events = (letter.payload?.['events'] ?? []) as readonly JsonObject[];
      const request = again(await requestOfEvents(deps, { name, spec }, events), letter);
      const before = automationScope(letter.tenant, 'sensor', name);
      const actor = actorOf(scope, before, patch, request.target);
      const submitted = await deps.runs.submitWithin(actor, request, resolve);
      return submitted === undefined ? undefined : { runId: submitted.runId };
    },
  };
}

function startOf(letter: LetterRow): JsonObject {
  return { target: letter.payload?.['target'] ?? null, inputs: letter.payload?.['inputs'] ?? {} };
}
