/** What one run did, step by step, for a person. */
export interface Story {
  /** Does one step and notes how long it took; a step that throws is noted, too. */
  step<T>(what: string, work: () => Promise<T>): Promise<T>;
  /** Notes a fact. */
  note(text: string): void;
}

/** Tells each line on stderr as it comes, with the time since the start. */
export function tellStory(name: string, nowMs: () => number = () => performance.now()): Story {
  const startMs = nowMs();
  const tell = (text: string) => {
    const at = ((nowMs() - startMs) / 1000).toFixed(0).padStart(5);
    process.stderr.write(`${name} ${at} s  ${text}\n`);
  };
  return {
    note: (text) => tell(`  ${text}`),
    step: async (what, work) => {
      const fromMs = nowMs();
      const took = () => `${((nowMs() - fromMs) / 1000).toFixed(1)} s`;
      try {
        const answer = await work();
        tell(`${what}: ${took()}`);
        return answer;
      } catch (error) {
        tell(`${what}: FAILED after ${took()}`);
        throw error;
      }
    },
  };
}
