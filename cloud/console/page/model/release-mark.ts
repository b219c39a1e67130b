import type { DeviceView, ReleaseView } from '../api/types.js';

/** How a device stands to the release that it is to run, in words. */
export interface ReleaseMark {
  readonly kind: 'ok' | 'info' | 'bad';
  /** With the version that it is about, unless that is what runs. */
  readonly text: string;
  readonly word: string;
}

/** Whether it was told of a release, and has not answered yet. */
export function isUnanswered({ wanted, report }: ReleaseView): boolean {
  return wanted !== null && wanted.id !== report?.id;
}

/** Null where nothing was ever wished of it, or what it said last is not of what runs. */
export function releaseMark({ version, release }: Pick<DeviceView, 'version' | 'release'>): ReleaseMark | null {
  if (!release) return null;
  const { wanted, report } = release;
  if (wanted && isUnanswered(release)) return { kind: 'info', text: `${wanted.version} wanted`, word: 'wanted' };
  if (!report || report.id === '') return null;
  switch (report.status) {
    case 'fetching':
      return { kind: 'info', text: `fetching ${report.version}`, word: 'fetching' };
    case 'trying':
      return { kind: 'info', text: `trying ${report.version}`, word: 'trying' };
    case 'rolled-back':
      return { kind: 'bad', text: `${report.version} rolled back`, word: 'rolled back' };
    case 'refused':
      return { kind: 'bad', text: `${report.version} refused`, word: 'refused' };
    case 'confirmed':
      return report.version === version ? { kind: 'ok', text: 'confirmed', word: 'confirmed' } : null;
  }
}
