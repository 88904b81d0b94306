/**
 * TypeScript forgets how a union of literals was written: the name of an optional field's type, the order of its members. Here they get it back, so that
 * pages show `Pooling` and do not change with the order in which files are read.
 */
import { type Application, type Context, Converter, type DeclarationReflection, LiteralType, type ParameterReflection, ReferenceType, ReflectionKind, type SomeType, UnionType } from 'typedoc';
import ts from 'typescript';

const isLiteralUnion = (type: SomeType | undefined): type is UnionType => type instanceof UnionType && type.types.filter((part) => part instanceof LiteralType).length > 1;

/** `(typeof LIST)[number]` as the literals of the list, in its order. */
function literalsOf(node: ts.TypeNode, checker: ts.TypeChecker): UnionType | undefined {
  if (!ts.isIndexedAccessTypeNode(node)) return undefined;
  const list = ts.isParenthesizedTypeNode(node.objectType) ? node.objectType.type : node.objectType;
  const type = checker.getTypeAtLocation(list);
  if (!ts.isTypeQueryNode(list) || !checker.isTupleType(type)) return undefined;
  const literals = checker.getTypeArguments(type as ts.TypeReference).flatMap((part) => (part.isStringLiteral() || part.isNumberLiteral() ? [new LiteralType(part.value)] : []));
  return literals.length > 1 ? new UnionType(literals) : undefined;
}

function writtenType(context: Context, reflection: DeclarationReflection | ParameterReflection): SomeType | undefined {
  const declaration = context.getSymbolFromReflection(reflection)?.declarations?.[0];
  if (declaration !== undefined && ts.isTypeAliasDeclaration(declaration)) return reflection.kindOf(ReflectionKind.TypeAlias) ? literalsOf(declaration.type, context.checker) : undefined;
  if (!isLiteralUnion(reflection.type)) return undefined;
  const typed = declaration !== undefined && (ts.isPropertySignature(declaration) || ts.isPropertyDeclaration(declaration) || ts.isParameter(declaration));
  return typed && declaration.type !== undefined ? context.converter.convertType(context, declaration.type) : inOrder(reflection.type);
}

/** Where nothing was written, or a name that is not part of the reference, the members stand in alphabetical order. */
function inOrder(type: UnionType): UnionType {
  const literals = type.types.filter((part) => part instanceof LiteralType);
  return new UnionType([...literals.sort((a, b) => (String(a.value) < String(b.value) ? -1 : 1)), ...type.types.filter((part) => !(part instanceof LiteralType))]);
}

export function keepWrittenTypes(app: Application): void {
  const written: { reflection: DeclarationReflection | ParameterReflection; type: SomeType }[] = [];
  const remember = (context: Context, reflection: DeclarationReflection | ParameterReflection): void => {
    const type = writtenType(context, reflection);
    if (type !== undefined) written.push({ reflection, type });
  };
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, remember);
  app.converter.on(Converter.EVENT_CREATE_PARAMETER, remember);
  app.converter.on(Converter.EVENT_RESOLVE_END, () => {
    for (const { reflection, type } of written) {
      const known = !(type instanceof ReferenceType) || type.reflection !== undefined;
      if (known) reflection.type = type;
      else if (isLiteralUnion(reflection.type)) reflection.type = inOrder(reflection.type);
    }
  });
}
