/* A page that asks a fine-tuned model of any task; tasks.test.ts builds it. */
/* global URL, location, document */
import { AnswerReader, ChoiceModel, EntityTagger, FillMask, RelationClassifier, Reranker, setWasmFile, TextClassifier } from 'albertine/browser';

setWasmFile(new URL(location.href).searchParams.get('wasm'));
const CLASSES = { classify: TextClassifier, tag: EntityTagger, answer: AnswerReader, choose: ChoiceModel, rank: Reranker, relate: RelationClassifier };

Object.assign(globalThis, {
  predictFrom: async (task, url, inputs) => (await CLASSES[task].load(url)).predict(inputs),
  fillFrom: async (url, texts) => (await FillMask.load(url)).fill(texts),
});
document.title = 'ready';
