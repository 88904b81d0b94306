import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { en, type Texts } from './en.ts';

/** Languages of the page. */
export type Language = 'en' | 'zh';

/** The texts of the chosen language. */
export const TextContext = createContext<{ t: Texts; language: Language }>({ t: en, language: 'en' });

/** The texts of the chosen language. */
export const useText = (): Texts => useContext(TextContext).t;

/** The chosen language. */
export const useLanguage = (): Language => useContext(TextContext).language;
