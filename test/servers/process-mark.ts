import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/**
 * When a process was started, as an opaque word; undefined when no such process runs (a zombie counts as gone).
 * A process id alone may have been handed to another program since: id and mark together never are.
 */
export function processMark(pid: number): string | undefined {
  return existsSync('/proc/self/stat') ? linuxMark(pid) : portableMark(pid);
}

function linuxMark(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function portableMark(pid: number): string | undefined {
  try {
    const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { stdio: 'pipe', encoding: 'utf8' });
    return started.replace(/\W+/g, '') || undefined;
  } catch {
    return undefined;
  }
}

/** Whether the very process that had this mark is still running. */
export const isSameProcess = (pid: number, mark: string): boolean => processMark(pid) === mark;
