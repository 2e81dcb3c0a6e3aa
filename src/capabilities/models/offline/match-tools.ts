import type { JsonObject } from '../../../base/index.ts';
import type { ModelTool } from '../provider.ts';
import { fillArguments, parametersOf, roleOf, type ParameterRole } from './fill-arguments.ts';
import { asksForFiles, asksForTime, expressionIn, isGreeting, urlIn } from './read-text.ts';
import { termsOf, wordsOf } from './words.ts';

/** A call that a text seems to ask for. */
export interface ToolMatch {
  readonly tool: ModelTool;
  readonly arguments: JsonObject;
  /** From 0 to 1. */
  readonly score: number;
}

/** Below this a tool is only offered as a suggestion. */
const leastScore = 0.5;
/** From here on a part of a sentence may call a tool of its own. */
const clearScore = 0.85;

function named(tool: ModelTool, text: string): boolean {
  const spaced = tool.name.replaceAll(/[-_]+/g, '[-_ ]');
  return new RegExp(`^\\s*(?:please\\s+)?(?:/|run\\s+|use\\s+|call\\s+)?(?:the\\s+)?${spaced}\\b`, 'i').test(
    text,
  );
}

/** Texts with numbers and addresses made alike, so that "17% of 230" is near "5% of 80". */
function shapeOf(text: string): Set<string> {
  return new Set(
    wordsOf(text.replaceAll(/https?:\/\/\S+/gi, ' linkhere ')).map((word) =>
      /^\d+$/.test(word) ? '0' : word,
    ),
  );
}

function likeness(a: Set<string>, b: Set<string>): number {
  const shared = [...a].filter((word) => b.has(word)).length;
  return shared === 0 ? 0 : shared / Math.sqrt(a.size * b.size);
}

function signalScore(tool: ModelTool, roles: ReadonlySet<ParameterRole>, text: string): number {
  if (roles.has('expression') && expressionIn(text) !== undefined) return 0.95;
  if (roles.has('url') && urlIn(text) !== undefined) return 0.92;
  if (
    (roles.has('timezone') || /(?:^|[-_])(?:clock|time|date|now)(?:$|[-_])/i.test(tool.name)) &&
    asksForTime(text)
  )
    return 0.9;
  if (roles.has('path') && urlIn(text) === undefined && asksForFiles(text)) return 0.88;
  if (roles.has('query') && /search|knowledge|lookup|retriev/i.test(tool.name) && !isGreeting(text)) {
    if (/\b(?:search|look up|handbook|documentation|docs|knowledge base)\b/i.test(text)) return 0.75;
    const terms = termsOf(text).length;
    if (
      terms >= 1 &&
      /\?\s*$|^\s*(?:who|what|when|where|why|how|which|does|do|is|are|can|should|tell|explain|describe)\b/i.test(
        text,
      )
    )
      return 0.6;
    return terms >= 2 ? 0.5 : 0;
  }
  return 0;
}

function wordScore(tool: ModelTool, text: string): number {
  const asked = new Set(termsOf(text));
  if (asked.size === 0) return 0;
  const nameTerms = new Set(termsOf(tool.name.replaceAll(/[-_]+/g, ' ')));
  const known = new Set([...nameTerms, ...termsOf(tool.description)]);
  const inName = [...asked].some((term) => nameTerms.has(term)) ? 0.35 : 0;
  const covered = [...asked].filter((term) => known.has(term)).length / asked.size;
  return Math.min(0.8, inName + 0.5 * covered);
}

function scoreOf(tool: ModelTool, text: string): number {
  if (named(tool, text)) return 1;
  const roles = new Set(parametersOf(tool).map(([name, schema]) => roleOf(name, schema)));
  const shape = shapeOf(text);
  const example = Math.max(0, ...(tool.examples ?? []).map((phrase) => likeness(shape, shapeOf(phrase))));
  return Math.max(signalScore(tool, roles, text), example >= 0.7 ? 0.9 * example : 0, wordScore(tool, text));
}

function withoutName(tool: ModelTool, text: string): string {
  if (!named(tool, text)) return text;
  const spaced = tool.name.replaceAll(/[-_]+/g, '[-_ ]');
  const rest = text.replace(
    new RegExp(`^\\s*(?:please\\s+)?(?:/|run\\s+|use\\s+|call\\s+)?(?:the\\s+)?${spaced}\\b[\\s:,]*`, 'i'),
    '',
  );
  return rest.trim() === '' ? text : rest;
}

function bestMatch(tools: readonly ModelTool[], text: string, least: number): ToolMatch | undefined {
  const ranked = tools
    .map((tool) => ({ tool, score: scoreOf(tool, text) }))
    .filter(({ score }) => score >= least)
    .toSorted((a, b) => b.score - a.score);
  for (const { tool, score } of ranked) {
    const json = text.includes('{') ? fillArguments(tool, text) : undefined;
    const filled = json ?? fillArguments(tool, withoutName(tool, text));
    if (filled !== undefined) return { tool, score, arguments: filled };
  }
  return undefined;
}

/** The calls that a text asks for, in its order: one for the whole, or one for each part that clearly asks for one. */
export function matchTools(
  tools: readonly ModelTool[],
  text: string,
  least = leastScore,
): readonly ToolMatch[] {
  if (text.length < 600) {
    const clauses = text
      .split(/[?;]\s+|\.\s+(?=\p{Lu})|,?\s+(?:and then|and also|and|then)\s+|\n+/u)
      .filter((clause) => clause.trim() !== '');
    if (clauses.length > 1) {
      const matches = clauses.map((clause) => bestMatch(tools, clause, clearScore));
      const found = matches.filter((match) => match !== undefined);
      if (found.length > 1 && found.length === matches.length) return distinct(found);
    }
  }
  const whole = bestMatch(tools, text, least);
  return whole === undefined ? [] : [whole];
}

function distinct(matches: readonly ToolMatch[]): ToolMatch[] {
  const seen = new Set<string>();
  return matches.filter((match) => {
    const key = `${match.tool.name} ${JSON.stringify(match.arguments)}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** What a person could say instead: the three nearest tools, each with an example. */
export function nearestCommands(tools: readonly ModelTool[], text: string): readonly string[] {
  return tools
    .map((tool) => ({ tool, score: scoreOf(tool, text) }))
    .toSorted((a, b) => b.score - a.score)
    .slice(0, 3)
    .map(({ tool }) => {
      const [example] = tool.examples ?? [];
      if (example !== undefined) return `"${example}" — ${tool.name}`;
      const names = parametersOf(tool).map(([name]) => `${name}=…`);
      return `"${[tool.name, ...names].join(' ')}" — ${tool.description.split(/(?<=[.!?])\s/)[0] ?? ''}`;
    });
}
