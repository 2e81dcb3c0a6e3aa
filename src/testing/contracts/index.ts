export { blobStoreContract, type BlobStoreFixture } from './blob-store-contract.ts';
export { busContract } from './bus-contract.ts';
export { channelContract, type ChannelContractGround } from './channel-contract.ts';
export { ledgerContract, type LedgerContractOptions, type LedgerFixture } from './ledger-contract.ts';
export { llmProviderContract, type ProviderHarness } from './llm-provider-contract.ts';
export { queueContract } from './queue-contract.ts';
export { responseStoreContract, type ResponseStoreFixture } from './response-store-contract.ts';
export { storageContract, type StorageFixture } from './storage-contract.ts';
export { toolContract, type ToolHarness } from './tool-contract.ts';
