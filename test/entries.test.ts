import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as browser from '../src/browser.ts';
import * as main from '../src/index.ts';

const source = resolve(import.meta.dirname, '../src');

interface Module {
  file: string;
  /** Specifiers of value imports, static and dynamic. */
  imports: string[];
}

function readModule(file: string): Module {
  const text = readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '');
  const imports: string[] = [];
  for (const [, typeOnly, specifier] of text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s+(type\s)?(?:[^'";]*?from\s+)?['"]([^'"]+)['"]/g,
  ))
    if (!typeOnly) imports.push(specifier);
  for (const [, specifier] of text.matchAll(/import\(\s*['"]([^'"]+)['"]\s*\)/g)) imports.push(specifier);
  return { file, imports };
}

/** Everything that an entry loads, itself included. */
function graphOf(entry: string): Module[] {
  const modules = new Map<string, Module>();
  const visit = (file: string): void => {
    if (modules.has(file)) return;
    const module = readModule(file);
    modules.set(file, module);
    for (const specifier of module.imports) if (specifier.startsWith('.')) visit(resolve(dirname(file), specifier));
  };
  visit(join(source, entry));
  return [...modules.values()];
}

describe('entries', () => {
  it('the browser entry reaches nothing of Node', () => {
    const modules = graphOf('browser.ts');
    expect(modules.length).toBeGreaterThan(40);
    expect(modules.every(({ file }) => existsSync(file))).toBe(true);
    expect(
      modules
        .map(({ file }) => relative(source, file))
        .filter((name) => name.endsWith('-node.ts') || name.startsWith('cli/')),
    ).toEqual([]);
    const outside = modules.flatMap(({ file, imports }) =>
      imports.filter((name) => !name.startsWith('.')).map((name) => `${relative(source, file)}: ${name}`),
    );
    // The native runtime is asked for only where Node is found, see `loadOrt`; package.json leaves it out for browsers,
    // and leads to the plain WebAssembly build.
    expect(outside.sort()).toEqual(['runtime/ort.ts: #onnxruntime-web', 'runtime/ort.ts: onnxruntime-node']);
  });

  it('the main entry has all of the browser entry, and more', () => {
    const missing = Object.keys(browser).filter((name) => !(name in main));
    expect(missing).toEqual([]);
    // Chosen for users: whoever needs more imports a sub-path.
    const exported = [...readFileSync(join(source, 'index.ts'), 'utf8').matchAll(/export (?:type )?\{([^}]*)\}/g)]
      .flatMap(([, names]) => names.split(','))
      .map((name) => name.trim())
      .filter(Boolean);
    expect(exported.length).toBeLessThanOrEqual(55);
    for (const name of ['downloadModel', 'saveCheckpoint', 'openFolder', 'fineTuneClassifier', 'pretrain'] as const)
      expect(main[name]).toBeTypeOf('function');
    for (const model of [
      'TextClassifier',
      'EntityTagger',
      'AnswerReader',
      'RelationClassifier',
      'ChoiceModel',
      'Reranker',
      'FillMask',
      'ZeroShotClassifier',
    ] as const) {
      for (const entry of [main, browser])
        expect([typeof entry[model].load, typeof entry[model].open, typeof entry[model].from], model).toEqual([
          'function',
          'function',
          'function',
        ]);
    }
    expect(main.Albert.load).toBeTypeOf('function');
    expect(
      [browser.Albert.load, browser.TextClassifier.open, browser.urlFiles, browser.droppedFiles].map(
        (member) => typeof member,
      ),
    ).toEqual(Array(4).fill('function'));
  });

  it('the command line starts without loading the runtime or the model', () => {
    const registered = readModule(join(source, 'cli/program.ts'))
      .imports.filter((name) => name.startsWith('./'))
      .map((name) => join(source, 'cli', name));
    const statics = (file: string, seen = new Set<string>()): Set<string> => {
      if (seen.has(file)) return seen;
      seen.add(file);
      const text = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
      for (const [, typeOnly, specifier] of text.matchAll(
        /(?:^|\n)\s*(?:import|export)\s+(type\s)?[^'";]*?from\s+['"](\.[^'"]+)['"]/g,
      ))
        if (!typeOnly) statics(resolve(dirname(file), specifier), seen);
      return seen;
    };
    const loaded = [...new Set(registered.flatMap((file) => [...statics(file)]))]
      .map((file) => relative(source, file))
      .filter((name) => !name.startsWith('cli/'));
    // Names and lists only: nothing that runs a network, reads weights or trains.
    expect(
      loaded.filter(
        (name) =>
          !/^(core|data)\/|^model\/(config|presets|parameters|pooling|quantize)\.ts$|^checkpoint\/onnx-names\.ts$|^training\/report\/labels\.ts$|^training\/(run|pretraining)\/settings\.ts$|^metrics\/entities\.ts$|^runtime\/devices\.ts$|^model\/adapters\/names\.ts$|^perturbation\/manual\.ts$|^tasks\/(registry|service|shared-settings)\.ts$|^study\/names\.ts$|^((tasks|analysis)\/[a-z-]+|server|tune)\/(manual|settings)\.ts$/.test(
            name,
          ),
      ),
    ).toEqual([]);
  });
});
