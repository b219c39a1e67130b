export type TextStorage = Pick<Storage, 'getItem' | 'setItem'>;

/** The browser's storage, or memory where it is refused, as in some private windows. */
export function storageOrMemory(open: () => Storage): TextStorage {
  try {
    const storage = open();
    storage.getItem('');
    return storage;
  } catch {
    const values = new Map<string, string>();
    return { getItem: (key) => values.get(key) ?? null, setItem: (key, value) => void values.set(key, value) };
  }
}
