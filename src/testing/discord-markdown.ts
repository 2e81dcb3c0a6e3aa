const token =
  /```(?:[\w+#.-]*)\n(?<block>[^]*?)\n```|\\(?<escaped>[!-/:-@[-`{-~])|`` (?<long>[^]*?) ``(?!`)|`(?<code>[^`\n]+)`|\[(?<label>(?:\\.|[^\][\n\\])*)\]\((?:https?:|mailto:|tel:)[^\s()]+\)|(?<address>https?:\/\/[^\s<>*]+)|\*\*|~~|\*|^> /gm;

/** What a person sees of a message in Discord's markup: marks and escapes taken away, code as it is. */
export function readDiscordMarkdown(source: string): string {
  return source
    .replaceAll(token, (...found: unknown[]) => {
      const groups = found.at(-1) as Readonly<Record<string, string | undefined>>;
      const { block, escaped, long, code, label, address } = groups;
      if (label !== undefined) return readDiscordMarkdown(label);
      return block ?? escaped ?? long ?? code ?? address ?? '';
    })
    .replaceAll('\u200B', '');
}
