import { fillMaskManual } from './fill-mask/manual.ts';
import { TASKS, taskOf } from './registry.ts';
import type { ServiceManual } from './service.ts';
import { zeroShotManual } from './zero-shot/manual.ts';

/** Everything that a server asks models, a row each: the tasks of heads, and what other models can be asked. */
export const SERVICES: readonly ServiceManual[] = [
  ...TASKS.flatMap((task): ServiceManual[] =>
    task.service
      ? [
          {
            ...task.service,
            name: task.name,
            serves: (model) => taskOf(model) === task,
            load: async () => (await task.load()).service!,
          },
        ]
      : [],
  ),
  fillMaskManual,
  zeroShotManual,
];
