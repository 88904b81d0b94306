import { useEffect, useState } from 'preact/hooks';

/** What a custom property of the page's style, such as `--c1`, is now. */
export const propertyOf = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A colour of the page's style, for a canvas. */
export function rgbOf(name: string, alpha: number): string {
  const value = propertyOf(name);
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(value.slice(at, at + 2), 16));
  return `rgb(${red} ${green} ${blue} / ${alpha})`;
}

/** A number that changes with the theme: what is drawn on a canvas is drawn again. */
export function useThemeChange(): number {
  const [change, setChange] = useState(0);
  useEffect(() => {
    const changed = (): void => setChange((before) => before + 1);
    const system = matchMedia('(prefers-color-scheme: dark)');
    system.addEventListener('change', changed);
    const own = new MutationObserver(changed);
    own.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => {
      system.removeEventListener('change', changed);
      own.disconnect();
    };
  }, []);
  return change;
}
