export type Child = Node | string | number | false | null | undefined;

type Handlers = { [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void };

export interface Props {
  /** Event handlers by event name. */
  readonly on?: Handlers;
  /** An attribute: false, null and undefined leave it out, true sets it without a value. */
  readonly [attribute: string]: string | number | boolean | null | undefined | Handlers;
}

/** Makes an element. Text becomes text nodes and never markup, so nothing that came from outside can inject any. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props | null = null,
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name === 'on') listen(element, value as Handlers);
    else setAttribute(element, name, value as string);
  }
  element.append(...present(children));
  return element;
}

function listen(element: HTMLElement, handlers: Handlers): void {
  for (const [event, handler] of Object.entries(handlers)) element.addEventListener(event, handler as EventListener);
}

export function setAttribute(
  element: Element,
  name: string,
  value: string | number | boolean | null | undefined,
): void {
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? '' : String(value));
}

function present(children: readonly Child[]): (Node | string)[] {
  return children
    .filter((child) => child !== false && child !== null && child !== undefined)
    .map((child) => (typeof child === 'number' ? String(child) : child));
}

export function replace(element: Element, ...children: Child[]): void {
  element.replaceChildren(...present(children));
}

/** Sets the text if it is another: an unchanged node costs no layout. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

const svgSpace = 'http://www.w3.org/2000/svg';

export function svg(
  tag: string,
  attributes: Readonly<Record<string, string | number>>,
  ...children: Element[]
): SVGElement {
  const element = document.createElementNS(svgSpace, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}
