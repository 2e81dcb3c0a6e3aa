const wanted = {
  finish: /"(?:finish_reason|stop_reason)"\s*:\s*"([\w-]{1,64})"/g,
  model: /"model"\s*:\s*"([^"\\]{1,256})"/,
};
const overlap = 400;

/** What an answer in the bytes of its upstream says of itself. */
export class AnswerScan {
  readonly finishReasons = new Set<string>();
  model: string | undefined;
  #tail = '';

  /** Within texts the quotes are escaped, so that nothing said there is found. */
  read(chunk: Uint8Array): void {
    const text =
      this.#tail + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1');
    for (const [, reason = ''] of text.matchAll(wanted.finish)) this.finishReasons.add(reason);
    this.model ??= wanted.model.exec(text)?.[1];
    this.#tail = text.slice(-overlap);
  }
}
