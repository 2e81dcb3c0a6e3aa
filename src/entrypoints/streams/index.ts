export { busTarget, handlerTarget, streamTarget } from './event-targets.ts';
export { ExternalEvents, type ExternalEventsDeps } from './external-events.ts';
export { RequestReader, type RequestReaderDeps } from './request-reader.ts';
export { RunEventTeller, type RunEventTellerDeps } from './run-event-teller.ts';
export { createStreamReplies } from './stream-response-sender.ts';
export { explicitTarget } from './to-agent-request.ts';
