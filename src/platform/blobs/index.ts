export { maxBlobBytes, type BlobEntry, type BlobStore } from './blob-store.ts';
export { createBlobStore } from './create-blob-store.ts';
export { FolderBlobStore } from './folder-blob-store.ts';
export { TableBlobStore } from './table-blob-store.ts';
