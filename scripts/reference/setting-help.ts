/**
 * Options that are made from settings of the command line have no comment: what describes them there, their `help`,
 * describes them here.
 */
import { type Application, Comment, type Context, Converter, type DeclarationReflection } from 'typedoc';
import ts from 'typescript';

/**
 * The text of a string or template; a list that it names (`${LIST.join(', ')}`) is left out, with the colon before it:
 * the type shows it.
 */
function textOf(node: ts.Expression): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return node.templateSpans.reduce((text, { literal }) => text.replace(/(: |, )?$/, '') + literal.text, node.head.text);
}

function helpOf(declaration: ts.Declaration | undefined): string | undefined {
  if (
    declaration === undefined ||
    !ts.isPropertyAssignment(declaration) ||
    !ts.isObjectLiteralExpression(declaration.initializer)
  )
    return undefined;
  const { properties } = declaration.initializer;
  const find = (name: string): ts.PropertyAssignment | undefined =>
    properties.find(
      (property): property is ts.PropertyAssignment =>
        ts.isPropertyAssignment(property) && property.name.getText() === name,
    );
  const help = find('help');
  const text = help && textOf(help.initializer);
  // The help of a flag that switches something off says what it is like then.
  return text !== undefined && find('off') !== undefined ? `false: ${text}` : text;
}

export function takeHelp(app: Application): void {
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context: Context, reflection: DeclarationReflection) => {
    if (reflection.comment !== undefined) return;
    const help = helpOf(context.getSymbolFromReflection(reflection)?.declarations?.[0]);
    if (help !== undefined)
      reflection.comment = new Comment([
        { kind: 'text', text: `${help[0].toUpperCase()}${help.slice(1).replace(/\.?$/, '.')}` },
      ]);
  });
}
