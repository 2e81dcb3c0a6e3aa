/** Name of the provider that answers when no language model is connected. */
export const offlineProviderName = 'offline';
