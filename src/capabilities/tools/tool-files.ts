import type { Scope } from '../../protocol/index.ts';
import type { FileStore } from '../files/index.ts';
import type { ToolFiles } from './tool.ts';

/** Files of a run as one call of a tool may use them. */
export function toolFilesOf(
  files: FileStore,
  call: { readonly scope: Scope; readonly runId: string; readonly idempotencyKey: string },
): ToolFiles {
  const { scope, runId, idempotencyKey } = call;
  return {
    add: (file) => files.add(scope, runId, idempotencyKey, file),
    async find(nameOrId) {
      const found = await files.find(scope, runId, nameOrId);
      if (found === undefined) return undefined;
      const { direction: _way, ...file } = found;
      return file;
    },
    read: (file) => files.read(scope.tenant, file.id),
  };
}
