export { createAgent33, type Agent33Options, type Agent33Provider } from './create-agent33.ts';
