/**
 * One token of JSON that matters for finding keys; everything between them is numbers, words, commas and white space.
 */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

/**
 * A key that occurs twice in one object of a JSON text, which `JSON.parse` passes over without a word, keeping the last
 * value. Undefined if there is none. The text must be valid JSON.
 */
export function repeatedKey(json: string): string | undefined {
  /** The keys of each object that is open; undefined for arrays. */
  const open: (Set<string> | undefined)[] = [];
  let string: string | undefined;
  for (const [token] of json.matchAll(TOKEN)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token !== ':') string = token;
    else {
      const key = JSON.parse(string!) as string;
      const keys = open.at(-1)!;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}
