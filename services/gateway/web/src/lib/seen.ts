/** Whether an element is on the screen. One observer for all: browsers tell it of many elements at once. */

/** A screen more in each direction: what comes into view is drawn already. */
const MARGIN = '100%';

const tells = new WeakMap<Element, (seen: boolean) => void>();
let observer: IntersectionObserver | undefined;

/** An attachment that tells when the element comes into view and when it leaves it. */
export function whileSeen(tell: (seen: boolean) => void): (element: Element) => () => void {
  return (element) => {
    observer ??= new IntersectionObserver((changes) => changes.forEach((change) => tells.get(change.target)?.(change.isIntersecting)), { rootMargin: MARGIN });
    tells.set(element, tell);
    observer.observe(element);
    return () => observer?.unobserve(element);
  };
}
