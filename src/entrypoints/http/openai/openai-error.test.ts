import { expect, it } from 'vitest';
import { AppError } from '../../../base/index.ts';
import { openAIStatus, toOpenAIError } from './openai-error.ts';

it.each([
  [400, undefined, 400, 'model_rejected'],
  [404, undefined, 404, 'model_not_found'],
  [404, 'no_such_deployment', 404, 'no_such_deployment'],
  [422, 'bad_field', 422, 'bad_field'],
  // What is not offered is no fault that passes.
  [405, undefined, 400, 'model_rejected'],
  [501, undefined, 400, 'model_rejected'],
  // Our own credentials are not the client's.
  [401, 'invalid_api_key', 502, 'model_rejected'],
])('a refusal with %d and the code %s is answered with %d and the code %s', (status, code, told, shown) => {
  const error = new AppError('model_rejected', 'no', {
    details: { status, ...(code === undefined ? {} : { upstreamCode: code }) },
  });
  expect(openAIStatus(error)).toBe(told);
  expect(toOpenAIError(error).error['code']).toBe(shown);
});

it('says of a model that nobody has that it does not exist', () => {
  const error = new AppError('model_unavailable', 'no', { details: { unknownModel: 'x' } });
  expect(openAIStatus(error)).toBe(404);
  expect(toOpenAIError(error).error).toMatchObject({
    code: 'model_not_found',
    type: 'invalid_request_error',
  });
});
