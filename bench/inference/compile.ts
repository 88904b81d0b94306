import { execFileSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT, WORK } from './paths.ts';

/** Compiles a contender's process and what it imports from `src`, so that load times are those of plain JavaScript. */
export async function compileBench(): Promise<void> {
  const project = join(WORK, 'tsconfig.json');
  await mkdir(WORK, { recursive: true });
  await rm(join(WORK, 'dist'), { recursive: true, force: true });
  const compilerOptions = {
    noEmit: false,
    outDir: 'dist',
    rootDir: ROOT,
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules', '@types')],
  };
  await writeFile(
    project,
    JSON.stringify({
      extends: join(ROOT, 'tsconfig.json'),
      compilerOptions,
      include: [],
      files: [join(ROOT, 'bench', 'inference', 'contender.ts')],
    }),
  );
  execFileSync(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', project], {
    stdio: 'inherit',
  });
}
