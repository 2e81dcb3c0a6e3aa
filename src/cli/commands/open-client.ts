import type { Command } from 'commander';
import { createApiClient, type ApiClient } from '../api-client.ts';
import type { CliContext, GlobalOptions } from '../cli-context.ts';
import { findConnection } from '../project-folder.ts';

/** The client for the server that the command's options mean. */
export function openClient(context: CliContext, command: Command): ApiClient {
  const options = command.optsWithGlobals<GlobalOptions>();
  return createApiClient({
    ...findConnection(context, options),
    clock: context.clock,
    signal: context.signal,
  });
}
