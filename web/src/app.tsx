import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ApiError, ask, keepKey, type About } from './api.ts';
import { Field, Problem, type PanelProps } from './parts/common.tsx';
import { kept } from './parts/kept.ts';
import { useWork } from './parts/use-work.ts';
import { AttentionPanel } from './panels/attention.tsx';
import { ClassifyPanel } from './panels/classify.tsx';
import { ComparePanel } from './panels/compare.tsx';
import { MapPanel } from './panels/map.tsx';
import { MasksPanel } from './panels/masks.tsx';
import { RunsPanel } from './panels/runs.tsx';
import { SearchPanel } from './panels/search.tsx';
import { SpansPanel } from './panels/spans.tsx';
import { en, type Texts } from './text/en.ts';
import { TextContext, useText, type Language } from './text/use-text.ts';
import { zh } from './text/zh.ts';

/** In the order of the menu; the name is the address behind `#`. */
const PANELS = [
  { name: 'map', Panel: MapPanel, intro: 'mapIntro' },
  { name: 'compare', Panel: ComparePanel, intro: 'compareIntro' },
  { name: 'search', Panel: SearchPanel, intro: 'searchIntro' },
  { name: 'classify', Panel: ClassifyPanel, intro: 'classifyIntro' },
  { name: 'spans', Panel: SpansPanel, intro: 'spansIntro' },
  { name: 'masks', Panel: MasksPanel, intro: 'masksIntro' },
  { name: 'attention', Panel: AttentionPanel, intro: 'attentionIntro' },
  { name: 'runs', Panel: RunsPanel, intro: 'runsIntro' },
] as const satisfies readonly {
  name: keyof Texts;
  intro: keyof Texts;
  Panel: (props: PanelProps) => JSX.Element | null;
}[];

type PanelName = (typeof PANELS)[number]['name'];
const panelOfAddress = (): PanelName => PANELS.find(({ name }) => `#${name}` === location.hash)?.name ?? PANELS[0].name;

const usualLanguage = (): Language => (navigator.language.startsWith('zh') ? 'zh' : 'en');

/** The whole page. */
export function App(): JSX.Element {
  const [language, setLanguage] = useState<Language>(
    () => kept('language', (value): value is Language => value === 'en' || value === 'zh') ?? usualLanguage(),
  );
  const t = language === 'zh' ? zh : en;
  useEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  }, [language]);
  const switchLanguage = (): void => {
    const other = language === 'zh' ? 'en' : 'zh';
    localStorage.setItem('albertine-language', other);
    setLanguage(other);
  };
  return (
    <TextContext.Provider value={{ t, language }}>
      <Page onLanguage={switchLanguage} />
    </TextContext.Provider>
  );
}

function Page({ onLanguage }: { onLanguage: () => void }): JSX.Element {
  const t = useText();
  const about = useWork<About>();
  const [panel, setPanel] = useState(panelOfAddress);
  const heading = useRef<HTMLHeadingElement>(null);
  const load = (): void => about.start((signal) => ask<About>('/v1/about', undefined, signal));
  useEffect(load, []);
  useEffect(() => {
    const changed = (): void => {
      setPanel(panelOfAddress());
      heading.current?.focus();
      scrollTo(0, 0);
    };
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  const title = t[panel];
  useEffect(() => {
    document.title = `${title} · albertine`;
  }, [title]);
  const intro = t[PANELS.find(({ name }) => name === panel)!.intro];
  return (
    <>
      <a
        class="skip"
        href="#panel"
        onClick={(event) => {
          // The address names the panel that is shown.
          event.preventDefault();
          heading.current?.focus();
        }}
      >
        {t.skip}
      </a>
      <Header onLanguage={onLanguage} />
      <div class="frame">
        <Menu panel={panel} />
        <main id="panel">
          <h2 ref={heading} tabIndex={-1}>
            {title}
          </h2>
          <p class="intro">{intro}</p>
          <Connection about={about} onRetry={load} />
          {about.value && <Panels models={about.value.models} panel={panel} />}
        </main>
      </div>
    </>
  );
}

/** Every panel that was looked at stays as it was left. */
function Panels({ models, panel }: { models: About['models']; panel: PanelName }): JSX.Element {
  const [seen, setSeen] = useState<ReadonlySet<PanelName>>(new Set([panel]));
  useEffect(() => setSeen((before) => new Set([...before, panel])), [panel]);
  return (
    <>
      {PANELS.filter(({ name }) => name === panel || seen.has(name)).map(({ name, Panel }) => (
        <div key={name} hidden={name !== panel} class="panel" data-panel={name}>
          <Panel models={models} active={name === panel} />
        </div>
      ))}
    </>
  );
}

const THEMES = ['system', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];

function Header({ onLanguage }: { onLanguage: () => void }): JSX.Element {
  const t = useText();
  const [theme, setTheme] = useState<Theme>(
    () => kept('theme', (value): value is Theme => THEMES.includes(value as Theme)) ?? 'system',
  );
  useLayoutEffect(() => {
    if (theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
    localStorage.setItem('albertine-theme', theme);
  }, [theme]);
  const names = { system: t.themeSystem, light: t.themeLight, dark: t.themeDark };
  return (
    <header class="top">
      <div class="brand">
        <h1>albertine</h1>
        <p>{t.subtitle}</p>
      </div>
      <div class="switches">
        <select aria-label={t.theme} value={theme} onChange={(event) => setTheme(event.currentTarget.value as Theme)}>
          {THEMES.map((name) => (
            <option key={name} value={name}>
              {t.theme}: {names[name]}
            </option>
          ))}
        </select>
        <button type="button" class="language" onClick={onLanguage} aria-label={`${t.language}: ${t.languageLabel}`}>
          {t.language}
        </button>
      </div>
    </header>
  );
}

function Menu({ panel }: { panel: PanelName }): JSX.Element {
  const t = useText();
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [panel]);
  return (
    <nav aria-label={t.panels} class={open ? 'menu open' : 'menu'}>
      <button type="button" class="unfold" aria-expanded={open} aria-controls="panels" onClick={() => setOpen(!open)}>
        {t.panels}: <b>{t[panel]}</b>
      </button>
      <ul id="panels">
        {PANELS.map(({ name }) => (
          <li key={name}>
            <a href={`#${name}`} aria-current={name === panel ? 'page' : undefined}>
              {t[name]}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** What stands where panels would, until the server has told its models. */
function Connection({
  about: { value, error },
  onRetry,
}: {
  about: { value: About | undefined; error: Error | undefined };
  onRetry: () => void;
}): JSX.Element | null {
  const t = useText();
  const [key, setKey] = useState('');
  if (error instanceof ApiError && error.status === 401)
    return (
      <form
        class="card form"
        onSubmit={(event) => {
          event.preventDefault();
          keepKey(key);
          onRetry();
        }}
      >
        <p class="lead">{t.keyNeeded}</p>
        <Problem error={error} />
        <Field label={t.keyLabel} grow>
          {(id) => (
            <input
              id={id}
              type="password"
              autocomplete="off"
              value={key}
              onInput={(event) => setKey(event.currentTarget.value)}
            />
          )}
        </Field>
        <p class="note">{t.keyHelp}</p>
        <div class="go">
          <button type="submit" class="primary">
            {t.keyUse}
          </button>
        </div>
      </form>
    );
  if (error)
    return (
      <div class="card">
        <Problem error={error} />
        <button type="button" onClick={onRetry}>
          {t.retry}
        </button>
      </div>
    );
  return value ? null : <p role="status">{t.loading}</p>;
}
