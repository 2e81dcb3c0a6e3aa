import { systemClock } from '../base/index.ts';
import { createLocalModels, modelServerHosts, type LocalModels } from '../capabilities/models/index.ts';
import type { Config } from '../platform/config/index.ts';
import { createEgressClient } from '../platform/http-client/index.ts';

/** The models of the Ollama that a project is configured with, or of the one on this machine. Close it when done. */
export function openLocalModels(
  config: Config,
): LocalModels & { readonly address: string; close(): Promise<void> } {
  const address = config.OLLAMA_BASE_URL ?? 'http://localhost:11434';
  const egress = createEgressClient({ allowPrivate: [...modelServerHosts(config)] });
  return {
    ...createLocalModels({ baseUrl: address, fetch: egress.fetch, clock: systemClock }),
    address,
    close: () => egress.close(),
  };
}
