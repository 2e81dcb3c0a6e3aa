// A tool of this project. The server loads what lies in tools/ at its start; `agent33 dev` restarts when it changes.
// An agent uses it when its definition names it: see tools in agents/worker.yaml.
import { defineTool, ToolResult, z } from 'agent33';

export default defineTool({
  name: 'word_count',
  // The model reads this to decide when to call it.
  description: 'Counts the words and characters of a text.',
  // Checked before execute is called; the descriptions go to the model too.
  parameters: z.strictObject({
    text: z.string().min(1).describe('The text to count.'),
  }),
  // What people might say; the offline assistant recognises the tool by it.
  examples: ['count the words of', 'how many words has'],
  // none: it only reads. keyed: it changes something and passes context.idempotencyKey on.
  // unkeyed: it must not be repeated when a crash leaves it in doubt.
  effect: 'none',
  execute: async ({ text }) => {
    const words = text.split(/\s+/).filter((word) => word !== '').length;
    return ToolResult.ok(`${words} words, ${text.length} characters`, { data: { words } });
  },
});
