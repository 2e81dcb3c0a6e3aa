import { RE2JS } from 're2js';
import type { Deployment } from './deployment.ts';
import type { PickQuery } from './pick-query.ts';
import { tagMasks, type TagMasks } from './tag-masks.ts';

const mostAgents = 256;
const longestAgent = 512;
const mostMasks = 512;
const noAgent = '';
/** Between the parts of a key; no tag has it. */
const part = '\u0000';

function dropOldest(entries: Map<string, unknown>, most: number): void {
  if (entries.size < most) return;
  const [oldest] = entries.keys();
  if (oldest !== undefined) entries.delete(oldest);
}

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
  /** Nobody's byte is set. */
  readonly nobody: Uint8Array;
  readonly #masks = new Map<string, TagMasks>();

  constructor(deployments: readonly Deployment[], onBadPattern: (pattern: string, error: unknown) => void) {
    this.#size = deployments.length;
    this.nobody = new Uint8Array(this.#size);
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
    return this.#carriers.get(tag) ?? this.nobody;
  }

  /** Deployments with a pattern that is found in `User-Agent: …`; remembered, as few clients make many calls. */
  fittingAgent(name: string): Uint8Array {
    const userAgent = name.slice(0, longestAgent);
    const known = this.#agents.get(userAgent);
    if (known !== undefined) return known;
    const header = `User-Agent: ${userAgent}`;
    const fitting = Uint8Array.from(this.#patterns, (patterns) =>
      patterns.some((pattern) => pattern.matcher(header).find()) ? 1 : 0,
    );
    dropOldest(this.#agents, mostAgents);
    this.#agents.set(userAgent, fitting);
    return fitting;
  }

  /** What a call's tags mean here; compiled once for each set of tags, as few of them make many calls. */
  masksFor(query: PickQuery, matchAll: boolean): TagMasks {
    const { tags, policyTags } = query;
    const userAgent = this.anyPattern ? (query.userAgent ?? noAgent).slice(0, longestAgent) : noAgent;
    const key =
      tags.length === 1 && policyTags.length === 0 && userAgent === noAgent
        ? (tags[0] ?? '')
        : tags.join(part) + part + part + policyTags.join(part) + part + part + userAgent;
    const known = this.#masks.get(key);
    if (known !== undefined) return known;
    const masks = tagMasks(this, this.#size, tags, policyTags, userAgent, matchAll);
    dropOldest(this.#masks, mostMasks);
    this.#masks.set(key, masks);
    return masks;
  }
}
