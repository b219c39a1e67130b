/** Enough for a device of ours; who writes to more topics has the oldest judged anew. */
const remembered = 8;

/** What is known of the topics that one connection writes to, found by their bytes: no text is made of them again. */
export class KnownTopics<Verdict> {
  private readonly entries: { readonly topic: Buffer; readonly verdict: Verdict }[] = [];
  private next = 0;

  /** The verdict on the topic in `bytes[start, end)`; undefined if there is none. */
  find(bytes: Buffer, start: number, end: number): Verdict | undefined {
    for (const { topic, verdict } of this.entries) {
      if (topic.length === end - start && isSame(topic, bytes, start)) return verdict;
    }
    return undefined;
  }

  learn(topic: string, verdict: Verdict): void {
    this.entries[this.next] = { topic: Buffer.from(topic), verdict };
    this.next = (this.next + 1) % remembered;
  }
}

/** From the end: that is where topics differ. */
function isSame(topic: Buffer, bytes: Buffer, start: number): boolean {
  for (let i = topic.length - 1; i >= 0; i -= 1) if (topic[i] !== bytes[start + i]) return false;
  return true;
}
