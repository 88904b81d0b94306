import { short, toJson } from '../../data/json.ts';
import { pick } from '../../core/pick.ts';
import type { TaskVerbs } from '../verbs.ts';
import { verbsOf } from '../verbs-node.ts';
import { tokenClassification } from './hugging-face.ts';
import { EntityTagger } from './tagger.ts';
import type { EntityAnswer, TagOptions } from './task.ts';
import { tagRewriting } from './rewriting.ts';
import { tagTuning } from './tuning-node.ts';

/** The verbs of tagging. */
export const tagVerbs: TaskVerbs = verbsOf(tagTuning, {
  open: (model) => EntityTagger.from(model),
  rewriting: tagRewriting,
  huggingFace: () => tokenClassification,
  lines: ({ facts: { tags } }) => [`tags: ${tags.join(', ')}`],
  next: ({ output }) => [`evaluate ${output} --data FILE`, `predict ${output} "a text"`],
  predict: {
    ofText: ({ text }) => text,
    asking: (options) => pick(options as TagOptions, ['aggregation', 'decoding', 'stride']),
    record: ({ entities }) => ({ entities: plain(entities) }),
    cells: ({ entities }) => ({ entities: toJson(plain(entities)) }),
  },
});

const plain = (entities: EntityAnswer['entities']): EntityAnswer['entities'] =>
  entities.map((entity) => ({ ...entity, score: short(Math.fround(entity.score)) }));
