import { flagName, type Setting, type Settings } from './settings.ts';

/** A setting that has a flag, with the way to it among the options. */
export interface FlaggedSetting {
  path: string[];
  setting: Exclude<Setting, { kind: 'group' | 'json' }>;
}

/** The settings that have a flag, those of groups among them. */
export function flaggedSettings(settings: Settings, path: readonly string[] = []): FlaggedSetting[] {
  return Object.entries(settings).flatMap(([name, setting]) => {
    const own = [...path, name];
    if (setting.kind === 'group') return flaggedSettings(setting.settings, own);
    return setting.flag === false || setting.kind === 'json' ? [] : [{ path: own, setting }];
  });
}

/** The option at the end of a way; undefined where it ends before. */
export function valueAt(options: Readonly<Record<string, unknown>>, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], options);
}

/** The flags that stand for options, in the order of the settings; options without a flag are left out. */
export function flagsOf(settings: Settings, options: Readonly<Record<string, unknown>>): string[] {
  return flaggedSettings(settings).flatMap(({ path, setting }) => {
    const value = valueAt(options, path);
    if (value === undefined) return [];
    const name = flagName(path.at(-1)!, setting)!;
    if (setting.kind === 'flag') return value === !setting.off ? [`--${setting.off ? 'no-' : ''}${name}`] : [];
    if (setting.kind === 'files') return [`--${name}`, ...(value as readonly string[])];
    return [`--${name}`, Array.isArray(value) ? value.join(',') : String(value)];
  });
}
