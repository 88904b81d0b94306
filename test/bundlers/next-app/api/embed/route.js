import { Albert } from 'albertine';

let loading;

export async function POST(request) {
  loading ??= Albert.load();
  const model = await loading;
  const texts = await request.json();
  const vectors = await model.embed(texts);
  return Response.json(texts.map((_, row) => Array.from(vectors.row(row))));
}
