import type { ModelRequest } from '../../../capabilities/models/index.ts';

/** What a client wants of a model, in our own form. */
export type ModelDemand = Omit<ModelRequest, 'model'>;
