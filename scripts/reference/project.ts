/**
 * What the reference is made from: TypeDoc's model of everything that the entry points of package.json export, and what
 * is wrong with it: exported names and public members without a comment, links in comments that lead nowhere.
 */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import {
  Application,
  type Comment,
  type DeclarationReflection,
  type ProjectReflection,
  ReferenceReflection,
  ReflectionKind,
  type SomeType,
} from 'typedoc';
import { keepWrittenTypes } from './written-types.ts';
import { takeHelp } from './setting-help.ts';

/** One entry point: `albertine/graph`, in `src/graph/index.ts`, described in `graph.md`. */
export interface Entry {
  name: string;
  source: string;
  page: string;
}

interface Manifest {
  name: string;
  exports: Record<string, string | { import: { types: string } }>;
}

/** The entry points of package.json, in its order. */
export function readEntries(root: string): Entry[] {
  const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  return Object.entries(exports).flatMap(([path, conditions]) => {
    if (typeof conditions === 'string') return [];
    const source = conditions.import.types.replace(/^\.\/dist\//, 'src/').replace(/\.d\.ts$/, '.ts');
    return [
      {
        name: path === '.' ? name : `${name}${path.slice(1)}`,
        source,
        page: path === '.' ? `${name}.md` : `${path.slice(2)}.md`,
      },
    ];
  });
}

export interface Read {
  project: ProjectReflection;
  /** The module of each entry, in the order of the entries. */
  modules: DeclarationReflection[];
  /** One line each; empty if the comments are complete. */
  problems: string[];
}

/** Reads the sources. Types are not checked again here: `npm run types` does it. */
export async function readProject(root: string, entries: readonly Entry[], tsconfig: string): Promise<Read> {
  const app = await Application.bootstrap({
    entryPoints: entries.map(({ source }) => join(root, source)),
    tsconfig,
    basePath: root,
    skipErrorChecking: true,
    logLevel: 'Error',
    readme: 'none',
    alwaysCreateEntryPointModule: true,
    excludePrivate: true,
    excludeInternal: true,
    excludeProtected: true,
    excludeExternals: true,
    disableGit: true,
    sourceLinkTemplate: '{path}#{line}',
    sort: [],
    sortEntryPoints: false,
    plugin: [],
  });
  keepWrittenTypes(app);
  takeHelp(app);
  const project = await app.convert();
  if (project === undefined) throw new Error('TypeDoc could not read the sources.');
  const modules = entries.map(({ source }) => {
    const found = project.children?.find((module) =>
      module.sources?.some(({ fullFileName }) => relative(root, fullFileName) === source),
    );
    if (found === undefined) throw new Error(`TypeDoc has no module of ${source}.`);
    return found;
  });
  const problems = new Set<string>();
  for (const module of modules) {
    if (!module.comment?.hasVisibleComponent())
      problems.add(`${place(module)}: the entry point has no comment (with @packageDocumentation)`);
    for (const child of module.children ?? []) findProblems(child, problems);
  }
  return { project, modules, problems: [...problems].sort() };
}

/** The comments of a declaration, and of each of its signatures. */
export function commentsOf(reflection: DeclarationReflection): Comment[] {
  const signatures = [...(reflection.signatures ?? []), ...(reflection.getSignature ? [reflection.getSignature] : [])];
  const inner = reflection.type?.type === 'reflection' ? (reflection.type.declaration.signatures ?? []) : [];
  return [
    reflection.comment,
    ...signatures.map(({ comment }) => comment),
    ...inner.map(({ comment }) => comment),
  ].filter((comment) => comment !== undefined);
}

function place(reflection: DeclarationReflection): string {
  const source =
    reflection.sources?.[0] ?? reflection.signatures?.[0]?.sources?.[0] ?? reflection.getSignature?.sources?.[0];
  return source === undefined ? reflection.getFullName() : `${source.fileName}:${source.line}`;
}

/**
 * Members that are written in the source; fields of an object type that stands inside a type are explained by the
 * comment of what has that type.
 */
export function membersOf(reflection: DeclarationReflection): DeclarationReflection[] {
  const type: SomeType | undefined = reflection.kindOf(ReflectionKind.TypeAlias) ? reflection.type : undefined;
  return reflection.children ?? (type?.type === 'reflection' ? type.declaration.children : undefined) ?? [];
}

function findProblems(reflection: DeclarationReflection, problems: Set<string>): void {
  if (reflection instanceof ReferenceReflection) return;
  const comments = commentsOf(reflection);
  // A constructor needs none: its class has one.
  if (!reflection.kindOf(ReflectionKind.Constructor) && !comments.some((comment) => comment.hasVisibleComponent())) {
    problems.add(
      `${place(reflection)}: ${reflection.getFriendlyFullName().replace(/^.*?\.(?=\w)/, '')} has no comment`,
    );
  }
  for (const part of comments.flatMap(({ summary }) => summary)) {
    if (part.kind === 'inline-tag' && part.tag === '@link' && part.target === undefined)
      problems.add(`${place(reflection)}: {@link ${part.text}} leads nowhere`);
  }
  for (const member of membersOf(reflection)) findProblems(member, problems);
}
