import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A part of a bench in a process of its own, that answers one question after the other. */
export interface BenchChild {
  readonly pid: number;
  /** Sends a question; resolves with its answer. Rejects if the process ends before. */
  ask<Answer>(question: object): Promise<Answer>;
  end(): Promise<void>;
}

/** Starts `file`, a module beside this one; `NODE_ARGS` of the environment are flags for it, as for a profile. */
export function startChild(file: string): BenchChild {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const execArgv = (process.env['NODE_ARGS'] ?? '').split(' ').filter((flag) => flag !== '');
  const child = fork(path, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv });
  const ended = once(child, 'exit');
  return {
    pid: child.pid!,
    ask: (question) => ask(child, question),
    end: async () => {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

function ask<Answer>(child: ChildProcess, question: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => reject(new Error('a process of the bench has ended'));
    child.once('exit', onExit);
    child.once('message', (answer) => {
      child.off('exit', onExit);
      resolve(answer as Answer);
    });
    child.send(question);
  });
}

/** The other side: answers each question, and ends the process with the one that asks. */
export function answerParent<Question>(
  answer: (question: Question) => Promise<object>,
  end: () => Promise<void>,
): void {
  process.on('message', (question: Question) => {
    answer(question).then(
      (result) => process.send?.(result),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  process.on('disconnect', () => {
    void end().finally(() => process.exit());
  });
}
