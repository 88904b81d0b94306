/**
 * What a field holds that may be a list or an object: tables have them as JSON. Other texts, and broken JSON, stay
 * texts.
 */
export function parsedCell(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
