/** Whether a name matches one of the globs: `*` stands for any text, `?` for one character, anything else for itself. */
export function globMatcher(globs: readonly string[]): (name: string) => boolean {
  const alternatives = globs.map((glob) =>
    glob
      .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.'),
  );
  const pattern = new RegExp(`^(?:${alternatives.join('|')})$`);
  return (name) => alternatives.length > 0 && pattern.test(name);
}
