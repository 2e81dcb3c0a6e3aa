import type { RecordedStep, RunRecording } from '../../../protocol/index.ts';

/** All steps of a run and its children by path: `model:1`, `delegate/model:1`. */
export function flattenRecording(recording: RunRecording, path = ''): ReadonlyMap<string, RecordedStep> {
  const steps = new Map<string, RecordedStep>();
  for (const step of recording.steps) {
    steps.set(path + step.key, step);
    const child = recording.children[step.key];
    if (child === undefined) continue;
    for (const [key, inner] of flattenRecording(child, `${path}${step.key}/`)) steps.set(key, inner);
  }
  // Children whose step has no record yet: the run stopped while they were under way.
  for (const [key, child] of Object.entries(recording.children)) {
    if (recording.steps.some((step) => step.key === key)) continue;
    for (const [inner, step] of flattenRecording(child, `${path}${key}/`)) steps.set(inner, step);
  }
  return steps;
}
