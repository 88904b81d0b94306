import type { App } from './app-type.ts';
import type { ServerParts } from './asking.ts';
import { drain } from './bodies.ts';
import { problemOf, type Problem } from './problems.ts';

/** The body of an error as each family of clients reads it, and its status where that is another than ours. */
export type ErrorForm = (problem: Problem) => { body: unknown; status?: number };

/** Errors of a family of routes in its own form. */
export function useErrorForm(app: App, form: ErrorForm, { metrics, settings }: ServerParts): void {
  app.setErrorHandler(async (error, request, reply) => {
    const problem = problemOf(error);
    if ((error as { code?: string }).code === 'FST_ERR_CTP_BODY_TOO_LARGE')
      problem.message = `a request may have ${settings.maxBody} MB, this one has more`;
    if (problem.isOurs) request.log.error({ err: error }, 'failed');
    if (problem.code === 'overloaded' || problem.code === 'too_large' || problem.code === 'timed_out')
      metrics.refuse(problem.code);
    // Nobody is there to read it.
    if (problem.code === 'interrupted') return reply.code(499).send();
    const { body, status = problem.status } = form(problem);
    await drain(request.raw);
    return reply.code(status).headers(problem.headers).send(body);
  });
}
