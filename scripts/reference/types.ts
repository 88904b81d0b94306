/** Types and signatures of TypeDoc's model as TypeScript, and the reflections that they name. */
import {
  type DeclarationReflection,
  makeRecursiveVisitor,
  type ParameterReflection,
  type Reflection,
  ReflectionKind,
  type SignatureReflection,
  type SomeType,
  type TypeParameterReflection,
} from 'typedoc';

/** Longest declaration that stands on one line. */
const WIDTH = 120;

export function typeText(type: SomeType | undefined): string {
  // What TypeScript fills in says nothing.
  return type === undefined
    ? 'void'
    : type.toString().replaceAll(', any, any>', '>').replaceAll('<ArrayBufferLike>', '');
}

/** What stands for a parameter that is taken apart in the signature: it has no name of its own. */
function parameterName({ name }: ParameterReflection): string {
  return name.startsWith('__') ? 'options' : name;
}

function parameterText(parameter: ParameterReflection): string {
  const optional = parameter.flags.isOptional || parameter.defaultValue !== undefined;
  return `${parameter.flags.isRest ? '...' : ''}${parameterName(parameter)}${optional ? '?' : ''}: ${typeText(parameter.type)}`;
}

export function typeParametersText(parameters: readonly TypeParameterReflection[] | undefined): string {
  if (parameters === undefined || parameters.length === 0) return '';
  return `<${parameters.map(({ name, type, default: standard }) => `${name}${type === undefined ? '' : ` extends ${type.toString()}`}${standard === undefined ? '' : ` = ${standard.toString()}`}`).join(', ')}>`;
}

/** `name(parameters): type`, a line a parameter where that is long. */
export function signatureText(name: string, signature: SignatureReflection): string {
  const parameters = (signature.parameters ?? []).map(parameterText);
  const before = `${name}${typeParametersText(signature.typeParameters)}(`;
  const after = signature.kindOf(ReflectionKind.ConstructorSignature) ? ')' : `): ${typeText(signature.type)}`;
  const line = `${before}${parameters.join(', ')}${after}`;
  return line.length <= WIDTH || parameters.length === 0
    ? line
    : `${before}\n${parameters.map((parameter) => `  ${parameter},\n`).join('')}${after}`;
}

/** A union on several lines where it is long. */
export function aliasText(name: string, type: SomeType | undefined): string {
  const line = `type ${name} = ${typeText(type)}`;
  if (line.length <= WIDTH || type?.type !== 'union') return line;
  return `type ${name} =\n${type.types.map((part) => `  | ${part.toString()}`).join('\n')}`;
}

/** Everything that types name, by the name they give it. */
export function namedBy(
  types: readonly (SomeType | undefined)[],
  signatures: readonly SignatureReflection[] = [],
): Map<string, Reflection> {
  const found = new Map<string, Reflection>();
  const visitDeclaration = (declaration: DeclarationReflection): void => {
    for (const signature of [...(declaration.signatures ?? []), ...(declaration.indexSignatures ?? [])])
      visitSignature(signature);
    for (const child of declaration.children ?? []) {
      child.type?.visit(visitor);
      for (const signature of child.signatures ?? []) visitSignature(signature);
    }
  };
  const visitor = makeRecursiveVisitor({
    reference(type) {
      if (type.reflection !== undefined && !type.reflection.kindOf(ReflectionKind.TypeParameter))
        found.set(type.reflection.name, type.reflection);
    },
    query(type) {
      if (type.queryType.reflection !== undefined) found.set(type.queryType.reflection.name, type.queryType.reflection);
    },
    reflection(type) {
      visitDeclaration(type.declaration);
    },
  });
  const visitSignature = (signature: SignatureReflection): void => {
    for (const { type } of signature.parameters ?? []) type?.visit(visitor);
    for (const { type } of signature.typeParameters ?? []) type?.visit(visitor);
    signature.type?.visit(visitor);
  };
  for (const type of types) type?.visit(visitor);
  for (const signature of signatures) visitSignature(signature);
  return found;
}
