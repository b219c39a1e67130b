import { formatAgo, formatLocal, formatShort, formatUtc, isoTime } from '../model/times.js';
import { h, setText } from './h.js';

/** A moment in local time, with date and UTC on hover. */
export function timeElement(timeUs: number, nowUs: number): HTMLTimeElement {
  const title = `${formatLocal(timeUs)}\n${formatUtc(timeUs)}`;
  return h('time', { datetime: isoTime(timeUs), title }, formatShort(timeUs, nowUs));
}

/** A moment as its age; {@link refreshAges} keeps it right. */
export function ageElement(timeUs: number, nowUs: number): HTMLTimeElement {
  const element = h('time', { 'data-age': timeUs });
  setAge(element, timeUs, nowUs);
  return element;
}

export function setAge(element: HTMLTimeElement, timeUs: number, nowUs: number): void {
  if (element.dataset['age'] !== String(timeUs) || element.dateTime === '') {
    element.dataset['age'] = String(timeUs);
    element.dateTime = isoTime(timeUs);
    element.title = `${formatLocal(timeUs)}\n${formatUtc(timeUs)}`;
  }
  setText(element, formatAgo(timeUs, nowUs));
}

/** Brings all ages on the page up to date: called once a second. */
export function refreshAges(root: ParentNode, nowUs: number): void {
  for (const element of root.querySelectorAll<HTMLTimeElement>('time[data-age]'))
    setText(element, formatAgo(Number(element.dataset['age']), nowUs));
}
