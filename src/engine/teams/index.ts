export { createTeamExecutor, type TeamExecutorDeps } from './create-team-executor.ts';
