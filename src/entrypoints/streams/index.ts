export { RequestReader, type RequestReaderDeps } from './request-reader.ts';
export { createStreamReplies } from './stream-response-sender.ts';
export { explicitTarget } from './to-agent-request.ts';
