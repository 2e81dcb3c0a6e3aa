import type { Clock } from '../../../base/index.ts';
import type { EgressClient, EgressPolicy } from '../../../platform/http-client/index.ts';
import type { Tool } from '../tool.ts';
import { calculator } from './calculator.ts';
import { createClockTool } from './clock.ts';
import { fileOps } from './file-ops.ts';
import { createKnowledgeSearchTool } from './knowledge-search.ts';
import { sendFile } from './send-file.ts';
import { createWebFetchTool } from './web-fetch.ts';

/** The tools that come with the platform. */
export function createBuiltinTools(deps: {
  clock: Clock;
  createEgress: (policy: EgressPolicy) => EgressClient;
  allowPrivate: readonly string[];
}): readonly Tool[] {
  return [
    fileOps,
    createWebFetchTool(deps),
    createKnowledgeSearchTool(),
    createClockTool(deps.clock),
    calculator,
    sendFile,
  ];
}
