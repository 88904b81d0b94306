/**
 * TypeScript forgets how a union of literals was written: the name of the type, the order of its members. Here they get
 * it back, so that pages show `Pooling` and do not change with the order in which files are read.
 */
import {
  type Application,
  type Context,
  Converter,
  type DeclarationReflection,
  LiteralType,
  type ParameterReflection,
  ReferenceType,
  ReflectionKind,
  type SignatureReflection,
  type SomeType,
  UnionType,
} from 'typedoc';
import ts from 'typescript';

const isLiteralUnion = (type: SomeType | undefined): type is UnionType =>
  type instanceof UnionType && type.types.filter((part) => part instanceof LiteralType).length > 1;

/** `(typeof LIST)[number]` as the literals of the list, in its order. */
function literalsOf(node: ts.TypeNode, checker: ts.TypeChecker): UnionType | undefined {
  if (!ts.isIndexedAccessTypeNode(node)) return undefined;
  const list = ts.isParenthesizedTypeNode(node.objectType) ? node.objectType.type : node.objectType;
  const type = checker.getTypeAtLocation(list);
  if (!ts.isTypeQueryNode(list) || !checker.isTupleType(type)) return undefined;
  const literals = checker
    .getTypeArguments(type as ts.TypeReference)
    .flatMap((part) => (part.isStringLiteral() || part.isNumberLiteral() ? [new LiteralType(part.value)] : []));
  return literals.length > 1 ? new UnionType(literals) : undefined;
}

/** What was written as the type of something that has a union of literals now. */
function typeOf(context: Context, now: SomeType | undefined, node: ts.TypeNode | undefined): SomeType | undefined {
  if (!isLiteralUnion(now)) return undefined;
  return node === undefined ? inOrder(now) : context.converter.convertType(context, node);
}

function declaredType(context: Context, reflection: DeclarationReflection): SomeType | undefined {
  const declaration = context.getSymbolFromReflection(reflection)?.declarations?.[0];
  if (declaration !== undefined && ts.isTypeAliasDeclaration(declaration))
    return reflection.kindOf(ReflectionKind.TypeAlias) ? literalsOf(declaration.type, context.checker) : undefined;
  const typed =
    declaration !== undefined && (ts.isPropertySignature(declaration) || ts.isPropertyDeclaration(declaration));
  return typeOf(context, reflection.type, typed ? declaration.type : undefined);
}

/** Where nothing was written, or a name that is not part of the reference, the members stand in alphabetical order. */
function inOrder(type: UnionType): UnionType {
  const literals = type.types.filter((part) => part instanceof LiteralType);
  return new UnionType([
    ...literals.sort((a, b) => (String(a.value) < String(b.value) ? -1 : 1)),
    ...type.types.filter((part) => !(part instanceof LiteralType)),
  ]);
}

export function keepWrittenTypes(app: Application): void {
  const found: { reflection: DeclarationReflection | ParameterReflection | SignatureReflection; type: SomeType }[] = [];
  const remember = (
    reflection: DeclarationReflection | ParameterReflection | SignatureReflection,
    type: SomeType | undefined,
  ): void => {
    if (type !== undefined) found.push({ reflection, type });
  };
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context: Context, reflection: DeclarationReflection) =>
    remember(reflection, declaredType(context, reflection)),
  );
  app.converter.on(
    Converter.EVENT_CREATE_SIGNATURE,
    (context: Context, signature: SignatureReflection, declaration?: ts.SignatureDeclaration | ts.JSDocSignature) => {
      const written = declaration === undefined || ts.isJSDocSignature(declaration) ? undefined : declaration;
      remember(signature, typeOf(context, signature.type, written?.type));
      for (const [index, parameter] of (signature.parameters ?? []).entries())
        remember(parameter, typeOf(context, parameter.type, written?.parameters[index]?.type));
    },
  );
  app.converter.on(Converter.EVENT_RESOLVE_END, () => {
    for (const { reflection, type } of found) {
      const known = !(type instanceof ReferenceType) || type.reflection !== undefined;
      if (known) reflection.type = type;
      else if (isLiteralUnion(reflection.type)) reflection.type = inOrder(reflection.type);
    }
  });
}
