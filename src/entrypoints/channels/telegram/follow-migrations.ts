import { TelegramApiError, type TelegramApi } from './telegram-api.ts';

const mostRemembered = 1000;

/** Calls for a group that has become a supergroup go to the id that it has now, which Telegram tells with its refusal. */
export function followMigrations(api: TelegramApi): TelegramApi {
  const moved = new Map<string, string>();
  return async (method, parameters, options) => {
    const chatId = parameters['chat_id'];
    if (typeof chatId !== 'string') return api(method, parameters, options);
    const known = moved.get(chatId);
    const call = (id: string) => api(method, { ...parameters, chat_id: id }, options);
    try {
      return await call(known ?? chatId);
    } catch (error) {
      const newId = error instanceof TelegramApiError ? error.migratedTo : undefined;
      if (newId === undefined || newId === known || newId === chatId) throw error;
      if (moved.size >= mostRemembered) moved.clear();
      moved.set(chatId, newId);
      return call(newId);
    }
  };
}
