import type { AppError } from '../../../base/index.ts';
import type { CallRoute, ModelResponse } from '../../../capabilities/models/index.ts';
import type { AnswerPart } from './sound-parts.ts';

/** How the parts of a streamed answer are written; made anew for each answer. */
export interface DoorFrames {
  /** What comes before the first part; may be empty. */
  begin(): string;
  /** Everything that one part becomes, and with `finish` the end of the stream; may be empty. */
  of(event: AnswerPart): string;
}

/** The form in which a door answers where it does not pass bytes on. */
export interface DoorShape {
  /** `text/event-stream; charset=utf-8`, `application/x-ndjson`. */
  readonly streamType: string;
  /** What may be said while nothing is there to say; empty: nothing. */
  readonly keepAlive: string;
  /** A whole answer. */
  whole(response: ModelResponse, route: CallRoute): object;
  frames(route: CallRoute): DoorFrames;
  /** The last bytes of a stream that breaks off. */
  errorFrame(error: AppError): string;
}
