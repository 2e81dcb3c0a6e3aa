/** Half of what is known is forgotten in about seven seconds of use. */
const tauMs = 10_000;
/** An estimate that nobody refreshes shrinks, so that a deployment which was slow once is asked again. */
const fadeMs = 60_000;

/** A moving average that follows a rise at once and a fall slowly. */
class PeakAverage {
  value: number | undefined;
  #atMs = 0;

  add(sample: number, nowMs: number): void {
    if (this.value === undefined || sample > this.value) this.value = sample;
    else {
      const keep = Math.exp(-Math.max(1, nowMs - this.#atMs) / tauMs);
      this.value = this.value * keep + sample * (1 - keep);
    }
    this.#atMs = nowMs;
  }
}

/** Time to the first token and time per token of a deployment, estimated apart because calls differ in length. */
export class LatencyEstimate {
  readonly #firstToken = new PeakAverage();
  readonly #perToken = new PeakAverage();
  #atMs = 0;

  get firstTokenMs(): number | undefined {
    return this.#firstToken.value;
  }

  get msPerToken(): number | undefined {
    return this.#perToken.value;
  }

  get known(): boolean {
    return this.#firstToken.value !== undefined || this.#perToken.value !== undefined;
  }

  /** A streamed answer began, or an attempt ran out of time before it did. */
  sawFirstToken(milliseconds: number, nowMs: number): void {
    this.#atMs = nowMs;
    this.#firstToken.add(milliseconds, nowMs);
  }

  /** An answer is complete: `milliseconds` from its first token, or from the request where it came in one piece. */
  sawAnswer(milliseconds: number, outputTokens: number, streamed: boolean, nowMs: number): void {
    this.#atMs = nowMs;
    if (outputTokens <= 0) {
      if (!streamed) this.#firstToken.add(milliseconds, nowMs);
      return;
    }
    const writing = streamed ? milliseconds : milliseconds - (this.#firstToken.value ?? 0);
    this.#perToken.add(Math.max(0, writing) / outputTokens, nowMs);
  }

  /** Expected milliseconds of an answer with so many output tokens; fades while there are no new samples. */
  expectedMs(outputTokens: number, nowMs: number): number {
    const whole = (this.#firstToken.value ?? 0) + (this.#perToken.value ?? 0) * outputTokens;
    const idleMs = nowMs - this.#atMs;
    return idleMs <= 0 ? whole : whole * Math.exp(-idleMs / fadeMs);
  }
}
