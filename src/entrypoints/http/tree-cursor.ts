import { AppError } from '../../base/index.ts';

/** Fits into a header beside the others; browsers send it back as `Last-Event-ID`. */
const mostCharacters = 6000;
const form = /^[\w-]{1,100}:\d{1,9}(?:,[\w-]{1,100}:\d{1,9})*$/;

/**
 * Where a watcher of a run's tree is: the last sequence of each run, as `run:sequence` separated by commas. It holds the
 * runs that had an event last. Of a tree so wide that not all fit, events of the others come again after a reconnect;
 * none is left out.
 */
export class TreeCursor {
  /** The most recent one last. */
  readonly #positions: Map<string, number>;

  constructor(positions: ReadonlyMap<string, number>) {
    this.#positions = new Map(positions);
  }

  /** Error: `invalid_request`. */
  static parse(text: string): TreeCursor {
    if (text === '' || text === '0') return new TreeCursor(new Map());
    if (!form.test(text))
      throw new AppError(
        'invalid_request',
        'Last-Event-ID: expected the id of an earlier event of this tree',
      );
    return new TreeCursor(
      new Map(
        text.split(',').map((entry) => {
          const [runId = '', sequence = '0'] = entry.split(':');
          return [runId, Number(sequence)];
        }),
      ),
    );
  }

  get positions(): ReadonlyMap<string, number> {
    return this.#positions;
  }

  moveTo(runId: string, sequence: number): void {
    this.#positions.delete(runId);
    this.#positions.set(runId, sequence);
  }

  toString(): string {
    let text = '';
    for (const [runId, sequence] of [...this.#positions].toReversed()) {
      const longer = `${runId}:${sequence}${text === '' ? '' : ','}${text}`;
      if (longer.length > mostCharacters) break;
      text = longer;
    }
    return text;
  }
}
