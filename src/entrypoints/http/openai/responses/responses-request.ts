import { z } from 'zod';
import type { Json } from '../../../../base/index.ts';

const json = z.custom<Json>((value) => value !== undefined);
const jsonObject = z.record(z.string(), json);
const notHere = (message: string) => z.null(message).optional();

const format = z.looseObject({
  type: z.string(),
  name: z.string().max(128).nullish(),
  description: z.string().nullish(),
  schema: jsonObject.nullish(),
  strict: z.boolean().nullish(),
});

/** Id of a response, ours or an upstream's. */
export const responseId = z.string().regex(/^[\w.:-]{1,200}$/, 'expected the id of a response');

/** Body of `POST /v1/responses`. Fields that we do not know are ignored. */
export const responsesRequest = z
  .looseObject({
    model: z
      .string()
      .min(1)
      .max(300)
      .describe(
        'Name of an agent, `team/NAME`, `workflow/NAME`, a group of the model list, or `provider/model`.',
      ),
    input: z
      .union([z.string(), z.array(jsonObject)], 'expected a text or a list of items')
      .describe(
        'A text, or items: messages, function_call, function_call_output, reasoning, item_reference.',
      ),
    instructions: z.string().nullish().describe('Holds for this answer only.'),
    previous_response_id: responseId.nullish(),
    store: z.boolean().nullish().describe('Default true: the answer can be fetched and continued by its id.'),
    stream: z.boolean().nullish(),
    tools: z.array(jsonObject).max(512).nullish().describe('Functions that the caller executes itself.'),
    tool_choice: z
      .union([z.enum(['auto', 'none', 'required']), z.looseObject({ type: z.string() })])
      .nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    text: z.looseObject({ format: format.nullish(), verbosity: z.string().nullish() }).nullish(),
    reasoning: z.looseObject({ effort: z.string().nullish(), summary: z.string().nullish() }).nullish(),
    max_output_tokens: z.int().positive().nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
    user: z.string().max(512).nullish(),
    safety_identifier: z.string().max(512).nullish(),
    truncation: z.string().nullish(),
    background: z
      .literal(false, 'is not offered; every run of an agent can be fetched later under /api/v1/runs')
      .nullish(),
    conversation: notHere('is not offered; continue with previous_response_id'),
    prompt: notHere('is not offered; write the instructions into the request or an agent'),
  })
  .meta({ id: 'ResponsesRequest' });

export type ResponsesRequest = z.output<typeof responsesRequest>;
