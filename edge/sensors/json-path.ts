import { FatalError } from '#core/runtime/errors.js';

const step = /^(?:\.([^.[\]"'\s]+)|\[(\d{1,9})\]|\[(?:"([^"]*)"|'([^']*)')\])/;

/**
 * Reads one place of a JSON value. A path is keys joined by dots, `[n]` for the n-th element of an array, counted from 0,
 * and `["any key"]` for a key with dots, spaces or brackets: `ENERGY.Power`, `values[0].temp`, `["DS18B20-1"].Temperature`.
 * A leading `$` stands for the whole value, as `$` alone does. What is not there is undefined.
 * Throws FatalError `bad-config` for a path that is none.
 */
export function jsonPath(path: string): (value: unknown) => unknown {
  const steps = parsePath(path);
  return (value) => {
    let at = value;
    for (const key of steps) {
      if (typeof at !== 'object' || at === null) return undefined;
      if (Array.isArray(at) !== (typeof key === 'number') || !Object.hasOwn(at, key)) return undefined;
      at = (at as Record<string | number, unknown>)[key];
    }
    return at;
  };
}

/** Whether {@link jsonPath} takes the path. */
export function isJsonPath(path: string): boolean {
  try {
    parsePath(path);
    return true;
  } catch {
    return false;
  }
}

function parsePath(path: string): (string | number)[] {
  const steps: (string | number)[] = [];
  let rest = /^\$(?=$|[.[])/.test(path) ? path.slice(1) : /^[.[]/.test(path) ? path : `.${path}`;
  if (path === '' || path.startsWith('.')) throw badPath(path, path);
  while (rest !== '') {
    const match = step.exec(rest);
    if (!match) throw badPath(path, rest);
    const [text, plain, index, double, single] = match;
    steps.push(index === undefined ? (plain ?? double ?? single)! : Number(index));
    rest = rest.slice(text.length);
  }
  return steps;
}

function badPath(path: string, rest: string): FatalError {
  const place = rest === path ? '' : ` at ${JSON.stringify(rest)}`;
  return new FatalError(
    'bad-config',
    `${JSON.stringify(path)} is no JSON path${place}: keys joined by dots, [n], ["key"]`,
  );
}
