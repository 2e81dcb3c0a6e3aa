import path from 'node:path';
import { z } from 'zod';
import type { Citation } from '../../../protocol/index.ts';
import { defineTool } from '../define-tool.ts';
import { ToolResult, type Tool } from '../tool.ts';
import { KnowledgeFolders } from './knowledge-folders.ts';
import type { Passage } from './split-markdown.ts';

function toCitation(passage: Passage): Citation {
  return {
    id: `${passage.file}#L${passage.firstLine}-L${passage.lastLine}`,
    file: passage.file,
    heading: passage.heading,
    line: passage.firstLine,
    quote: passage.text,
  };
}

/** Finds passages in the agent's knowledge folders, each with file, heading and lines. */
export function createKnowledgeSearchTool(): Tool {
  const folders = new KnowledgeFolders();
  return defineTool({
    name: 'knowledge_search',
    description:
      'Searches the knowledge base for passages about a question. Cite the passages you use by their number.',
    parameters: z.strictObject({
      query: z.string().min(1).max(1000).describe('What to look for, in words.'),
      limit: z.int().min(1).max(20).default(5).describe('How many passages.'),
    }),
    effect: 'none',
    examples: ['how does it work', 'what is', 'search the handbook for'],
    execute: async ({ query, limit }, context) => {
      const { collection } = context.use;
      const wanted = context.knowledge.filter((one) => collection === undefined || one.name === collection);
      if (wanted.length === 0)
        return ToolResult.fail('the agent has no knowledge folder to search', 'not_found');
      const ranked = [];
      for (const one of wanted) {
        const index = await folders.index(path.resolve(context.projectDir, one.path));
        ranked.push(...index.search(query, limit));
      }
      const best = ranked.toSorted((one, two) => two.score - one.score).slice(0, limit);
      if (best.length === 0) return ToolResult.ok('No passage matches.', { citations: [] });
      const citations = best.map(({ passage }) => toCitation(passage));
      const blocks = citations.map(
        (citation, index) => `[${index + 1}] ${citation.id} — ${citation.heading}\n${citation.quote}`,
      );
      return ToolResult.ok(blocks.join('\n\n'), { citations });
    },
  });
}
