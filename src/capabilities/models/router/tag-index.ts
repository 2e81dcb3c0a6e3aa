import { RE2JS } from 're2js';
import type { Deployment } from './deployment.ts';

const mostAgents = 256;
const longestAgent = 512;

/** Who of a group carries which tag, and whose patterns fit which client; one byte for each deployment. */
export class TagIndex {
  readonly #size: number;
  readonly #carriers = new Map<string, Uint8Array>();
  readonly #patterns: readonly (readonly RE2JS[])[];
  readonly #agents = new Map<string, Uint8Array>();
  /** Deployments with tags. */
  readonly tagged: Uint8Array;
  /** Deployments with patterns. */
  readonly patterned: Uint8Array;
  /** False when the group has neither tags nor patterns. */
  readonly any: boolean;
  readonly anyPattern: boolean;
  readonly #nobody: Uint8Array;

  constructor(deployments: readonly Deployment[], onBadPattern: (pattern: string, error: unknown) => void) {
    this.#size = deployments.length;
    this.#nobody = new Uint8Array(this.#size);
    for (const [index, { tags }] of deployments.entries()) {
      for (const tag of tags) {
        const carriers = this.#carriers.get(tag) ?? new Uint8Array(this.#size);
        carriers[index] = 1;
        this.#carriers.set(tag, carriers);
      }
    }
    this.#patterns = deployments.map(({ tagRegex }) =>
      tagRegex.flatMap((pattern) => {
        try {
          return [RE2JS.compile(pattern)];
        } catch (error) {
          onBadPattern(pattern, error);
          return [];
        }
      }),
    );
    this.tagged = Uint8Array.from(deployments, ({ tags }) => (tags.length > 0 ? 1 : 0));
    this.patterned = Uint8Array.from(this.#patterns, (patterns) => (patterns.length > 0 ? 1 : 0));
    this.anyPattern = this.patterned.includes(1);
    this.any = this.anyPattern || this.tagged.includes(1);
  }

  /** Does any deployment of the group carry it, whatever its state? */
  knows(tag: string): boolean {
    return this.#carriers.has(tag);
  }

  carriers(tag: string): Uint8Array {
    return this.#carriers.get(tag) ?? this.#nobody;
  }

  /** Deployments with a pattern that is found in `User-Agent: …`; remembered, as few clients make many calls. */
  fittingAgent(userAgent: string): Uint8Array {
    const known = this.#agents.get(userAgent);
    if (known !== undefined) return known;
    const header = `User-Agent: ${userAgent.slice(0, longestAgent)}`;
    const fitting = Uint8Array.from(this.#patterns, (patterns) =>
      patterns.some((pattern) => pattern.matcher(header).find()) ? 1 : 0,
    );
    if (this.#agents.size >= mostAgents) {
      const [oldest] = this.#agents.keys();
      if (oldest !== undefined) this.#agents.delete(oldest);
    }
    this.#agents.set(userAgent, fitting);
    return fitting;
  }
}
