import { build as esbuild } from 'esbuild';
import { copyFileSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build as vite, createLogger } from 'vite';

const root = resolve(import.meta.dirname, '../..');

/** What a bundler made, and what it said. */
export interface Built {
  folder: string;
  files: { name: string; bytes: number }[];
  warnings: string[];
}

/** A project with a page of this folder and with the package installed. */
export function makeProject(folder: string, script = 'page.js'): void {
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  symlinkSync(root, join(folder, 'node_modules/albertine'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }');
  copyFileSync(join(import.meta.dirname, script), join(folder, 'page.js'));
  writeFileSync(join(folder, 'index.html'), page('./page.js'));
}

/** The page that loads a script. */
export function page(script: string): string {
  return `<!doctype html><meta charset="utf-8"><input type="file" multiple><script type="module" src="${script}"></script>\n`;
}

export function listFiles(folder: string): Built['files'] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => ({ name, bytes: statSync(join(folder, name)).size }))
    .filter(({ name }) => /\.\w+$/.test(name));
}

/** Vite with nothing set, as in a fresh project. */
export async function buildWithVite(project: string): Promise<Built> {
  const folder = join(project, 'dist-vite');
  const warnings: string[] = [];
  const logger = createLogger('warn');
  logger.warn = logger.warnOnce = logger.error = (message) => void warnings.push(message);
  await vite({
    root: project,
    configFile: false,
    base: './',
    customLogger: logger,
    build: { outDir: folder, chunkSizeWarningLimit: 5000 },
  });
  return { folder, files: listFiles(folder), warnings };
}

/** esbuild with a page's usual flags; it takes no `.wasm` along. */
export async function buildWithEsbuild(project: string): Promise<Built> {
  const folder = join(project, 'dist-esbuild');
  const { warnings } = await esbuild({
    absWorkingDir: project,
    entryPoints: ['page.js'],
    bundle: true,
    format: 'esm',
    minify: true,
    outdir: folder,
    logLevel: 'silent',
  });
  writeFileSync(join(folder, 'index.html'), page('./page.js'));
  return { folder, files: listFiles(folder), warnings: warnings.map(({ text }) => text) };
}
