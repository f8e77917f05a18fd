/** Making elements, and nothing else. */

type Child = Node | string | null | false | undefined;
type Props = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>;

/**
 * Makes an element. A function is listened to as the event of its name (`onclick`), `true` sets an empty attribute,
 * `false` and `null` leave it out.
 */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

/** Sets an attribute only when it differs, so that screen readers and observers are not woken for nothing. */
export function attribute(element: Element, name: string, value: string | boolean): void {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

export function text(element: Element, value: string): void {
  if (element.textContent !== value) element.textContent = value;
}
