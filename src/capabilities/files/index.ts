export { contentTypeOf, isReadable, isTextType, modelImageTypes } from './content-type.ts';
export { safeFileName } from './file-name.ts';
export { FileStore, type GivenFile, type KeptFile } from './file-store.ts';
