/** Pages of the reference: Markdown that reads well on GitHub, and of which an edit of a comment changes one line. */
import {
  type Comment,
  type DeclarationReflection,
  type ProjectReflection,
  ReferenceReflection,
  ReferenceType,
  Reflection,
  ReflectionKind,
  type SomeType,
} from 'typedoc';
import { commentsOf, type Entry, membersOf } from './project.ts';
import { aliasText, namedBy, signatureText, typeParametersText, typeText } from './types.ts';

/** Where a name is described. */
interface Address {
  page: string;
  anchor: string;
}
type Addresses = ReadonlyMap<Reflection, Address>;
interface Page {
  page: string;
  addresses: Addresses;
}

const isMethod = (member: DeclarationReflection): boolean =>
  member.kindOf(ReflectionKind.Method) || member.kindOf(ReflectionKind.Constructor);

/** Methods in the order of use: what makes an object, then what it does. */
function methodsOf(reflection: DeclarationReflection): DeclarationReflection[] {
  const methods = membersOf(reflection).filter(isMethod);
  const rank = (member: DeclarationReflection): number =>
    member.kindOf(ReflectionKind.Constructor) ? 0 : member.flags.isStatic ? 1 : 2;
  return methods.sort((a, b) => rank(a) - rank(b));
}

function methodTitle(owner: DeclarationReflection, method: DeclarationReflection): string {
  if (method.kindOf(ReflectionKind.Constructor)) return `new ${owner.name}()`;
  return method.name.startsWith('[')
    ? `${owner.name}[Symbol.${method.name.slice(1)}()`
    : `${owner.name}.${method.name}()`;
}

/** Gives every name the anchor that GitHub gives its heading. */
function findAddresses(entries: readonly Entry[], modules: readonly DeclarationReflection[]): Addresses {
  const addresses = new Map<Reflection, Address>();
  for (const [index, { page }] of entries.entries()) {
    const seen = new Map<string, number>();
    const add = (reflection: Reflection, title: string): void => {
      const slug = title
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\-_ ]/gu, '')
        .replaceAll(' ', '-');
      const count = seen.get(slug) ?? 0;
      seen.set(slug, count + 1);
      addresses.set(reflection, { page, anchor: count === 0 ? slug : `${slug}-${count}` });
    };
    add(modules[index], entries[index].name);
    for (const child of modules[index].children ?? []) {
      if (child instanceof ReferenceReflection) continue;
      add(child, child.name);
      for (const method of methodsOf(child)) add(method, methodTitle(child, method));
    }
  }
  return addresses;
}

function linkTo(reflection: Reflection | undefined, { page, addresses }: Page): string | undefined {
  // A field has no heading: what leads to it leads to its owner.
  for (let at = reflection; at !== undefined; at = at.parent) {
    const address = addresses.get(at);
    if (address !== undefined)
      return address.page === page ? `#${address.anchor}` : `${address.page}#${address.anchor}`;
  }
  return undefined;
}

function commentText(comment: Comment, at: Page): string {
  return comment.summary
    .map((part) => {
      if (part.kind !== 'inline-tag') return part.text;
      const link = part.target instanceof Reflection ? linkTo(part.target, at) : undefined;
      const text = part.text.startsWith('`') ? part.text : `\`${part.text}\``;
      return link === undefined ? text : `[${text}](${link})`;
    })
    .join('')
    .trim();
}

/** Comments of a declaration, and its examples; signatures that say the same say it once. */
function describe(reflection: DeclarationReflection, at: Page): string {
  const texts = commentsOf(reflection).flatMap((comment) => [
    commentText(comment, at),
    ...comment.blockTags
      .filter(({ tag }) => tag === '@example')
      .map(({ content }) =>
        content
          .map(({ text }) => text)
          .join('')
          .trim(),
      ),
  ]);
  return [...new Set(texts)].filter((text) => text !== '').join('\n\n');
}

const inCell = (text: string): string =>
  text
    .replace(/\n\n+/g, '<br>')
    .replace(/\s*\n\s*/g, ' ')
    .replaceAll('|', '\\|');

/** A type as code, with links where it names what the reference describes. */
function linkedType(member: DeclarationReflection, at: Page): string {
  const type = member.type ?? member.getSignature?.type;
  const text = typeText(type);
  const named = namedBy([type]);
  const parts = text.split(/(\w+)/).reduce<string[]>(
    (pieces, piece) => {
      const link = linkTo(named.get(piece), at);
      if (link !== undefined) pieces.push(`[\`${piece}\`](${link})`, '');
      else pieces[pieces.length - 1] += piece;
      return pieces;
    },
    [''],
  );
  return inCell(
    parts
      .filter((part) => part.trim() !== '')
      .map((part) => (part.startsWith('[`') ? part : `\`${part.trim()}\``))
      .join(' '),
  );
}

function propertyTable(members: readonly DeclarationReflection[], at: Page): string[] {
  const rows = members.map((member) => {
    const name = `${member.flags.isStatic ? 'static ' : ''}${member.name}${member.flags.isOptional ? '?' : ''}`;
    return `| \`${name}\` | ${linkedType(member, at)} | ${inCell(describe(member, at))} |`;
  });
  return rows.length === 0 ? [] : [['| field | type | |', '|---|---|---|', ...rows].join('\n')];
}

const code = (text: string): string => `\`\`\`ts\n${text}\n\`\`\``;

/** Where the names of a declaration are described. */
function seeAlso(named: ReadonlyMap<string, Reflection>, self: Reflection | undefined, at: Page): string[] {
  const links = [...named]
    .filter(([, target]) => target !== self)
    .flatMap(([name, target]) => {
      const link = linkTo(target, at);
      return link === undefined ? [] : [`[\`${name}\`](${link})`];
    });
  return links.length === 0 ? [] : [`Types: ${links.sort().join(', ')}`];
}

function renderCallable(name: string, reflection: DeclarationReflection, at: Page): string[] {
  const signatures = reflection.signatures ?? [];
  const prefix = `${reflection.flags.isStatic ? 'static ' : ''}${name}`;
  const description = describe(reflection, at);
  return [
    code(signatures.map((signature) => signatureText(prefix, signature)).join('\n')),
    ...(description === '' ? [] : [description]),
    ...seeAlso(namedBy([], signatures), isMethod(reflection) ? reflection.parent : reflection, at),
  ];
}

/** What is extended is named where one can look it up; what it gives is listed in any case. */
function isShown(type: SomeType): boolean {
  return !(type instanceof ReferenceType) || type.reflection !== undefined || type.package === 'typescript';
}

function declarationText(reflection: DeclarationReflection): string {
  const { name, typeParameters } = reflection;
  const heritage = [
    ['extends', reflection.extendedTypes],
    ['implements', reflection.implementedTypes],
  ] as const;
  const bases = heritage
    .flatMap(([word, types = []]) => {
      const shown = types.filter(isShown);
      return shown.length === 0 ? [] : [` ${word} ${shown.map(typeText).join(', ')}`];
    })
    .join('');
  if (reflection.kindOf(ReflectionKind.Class)) return `class ${name}${typeParametersText(typeParameters)}${bases}`;
  if (reflection.kindOf(ReflectionKind.Interface))
    return `interface ${name}${typeParametersText(typeParameters)}${bases}`;
  if (reflection.kindOf(ReflectionKind.Variable)) return `const ${name}: ${typeText(reflection.type)}`;
  const head = `${name}${typeParametersText(typeParameters)}`;
  // The table shows the fields.
  return membersOf(reflection).length > 0 ? `type ${head}` : aliasText(head, reflection.type);
}

function renderDeclaration(reflection: DeclarationReflection, at: Page): string {
  if (reflection.kindOf(ReflectionKind.Function))
    return [`## ${reflection.name}`, ...renderCallable(`function ${reflection.name}`, reflection, at)].join('\n\n');
  const members = membersOf(reflection);
  const own = namedBy([
    ...(members.length > 0 && reflection.kindOf(ReflectionKind.TypeAlias) ? [] : [reflection.type]),
    ...(reflection.extendedTypes ?? []),
    ...(reflection.implementedTypes ?? []),
  ]);
  const description = describe(reflection, at);
  return [
    `## ${reflection.name}`,
    code(declarationText(reflection)),
    ...(description === '' ? [] : [description]),
    ...seeAlso(own, reflection, at),
    ...propertyTable(
      members.filter((member) => !isMethod(member)),
      at,
    ),
    ...methodsOf(reflection).flatMap((method) => [
      `### ${methodTitle(reflection, method)}`,
      ...renderCallable(method.kindOf(ReflectionKind.Constructor) ? `new ${reflection.name}` : method.name, method, at),
    ]),
  ].join('\n\n');
}

const KINDS: readonly (readonly [ReflectionKind, string])[] = [
  [ReflectionKind.Class, 'Classes'],
  [ReflectionKind.Function, 'Functions'],
  [ReflectionKind.Variable, 'Constants'],
  [ReflectionKind.Interface | ReflectionKind.TypeAlias, 'Types'],
];

/** The names of an entry by kind, each a link. */
function listNames(module: DeclarationReflection, at: Page): string[] {
  return KINDS.flatMap(([kind, title]) => {
    const names = (module.children ?? []).flatMap((child) => {
      const target = child instanceof ReferenceReflection ? child.getTargetReflectionDeep() : child;
      return target.kindOf(kind) ? [`[\`${child.name}\`](${linkTo(target, at) ?? ''})`] : [];
    });
    return names.length === 0 ? [] : [`${title}: ${names.join(', ')}`];
  });
}

/** All pages, by file name. */
export function renderPages(
  entries: readonly Entry[],
  modules: readonly DeclarationReflection[],
  project: ProjectReflection,
): Map<string, string> {
  const addresses = findAddresses(entries, modules);
  const pages = new Map<string, string>();
  const overview = [
    `# ${project.name}: reference`,
    'Every name that can be imported, by entry point. Made from the comments in the sources by `npm run docs`; `npm run lint` fails when it is out of date. For what to use when, see [the guide](../guide.md).',
  ];
  for (const [index, { name, page }] of entries.entries()) {
    const at = { page, addresses };
    const declared = (modules[index].children ?? []).filter((child) => !(child instanceof ReferenceReflection));
    const sections = declared.map((child) => renderDeclaration(child, at));
    pages.set(
      page,
      `${[`# ${name}`, describe(modules[index], at), '[All entry points](README.md)', ...listNames(modules[index], at), ...sections].join('\n\n')}\n`,
    );
    const top = { page: 'README.md', addresses };
    overview.push(`## [${name}](${page})`, describe(modules[index], top), ...listNames(modules[index], top));
  }
  pages.set('README.md', `${overview.join('\n\n')}\n`);
  return pages;
}
