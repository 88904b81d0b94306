/**
 * Writes the reference, `docs/api`, from the comments in the sources: `npm run docs`. With `--check` it writes nothing
 * and fails where a public name has no comment or a page is out of date: a part of `npm run lint`.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readEntries, readProject } from './reference/project.ts';
import { renderPages } from './reference/render.ts';

async function main(check: boolean): Promise<void> {
  const root = resolve(import.meta.dirname, '..');
  const folder = join(root, 'docs/api');
  const entries = readEntries(root);
  const { project, modules, problems } = await readProject(root, entries, join(root, 'tsconfig.build.json'));
  const pages = renderPages(entries, modules, project);
  mkdirSync(folder, { recursive: true });
  const superfluous = readdirSync(folder).filter((name) => !pages.has(name));
  const changed = [...pages].filter(
    ([name, text]) => !existsSync(join(folder, name)) || readFileSync(join(folder, name), 'utf8') !== text,
  );
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) console.error(`${problems.length} comments of the public interface are missing or wrong.`);
  if (check) {
    const stale = [...changed.map(([name]) => name), ...superfluous];
    if (stale.length > 0)
      console.error(`docs/api is out of date (${stale.join(', ')}): run npm run docs and commit it.`);
    if (stale.length > 0 || problems.length > 0) process.exitCode = 1;
    return;
  }
  for (const name of superfluous) rmSync(join(folder, name));
  for (const [name, text] of changed) writeFileSync(join(folder, name), text);
  console.log(`docs/api: ${pages.size} pages, ${changed.length} written.`);
  if (problems.length > 0) process.exitCode = 1;
}

await main(process.argv.includes('--check'));
