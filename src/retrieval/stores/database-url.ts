import { AlbertineError } from '../../core/errors.ts';
import { option, prose } from '../../core/prose.ts';

/** Names the database where nothing else does. */
export const DATABASE_VARIABLE = 'ALBERTINE_DATABASE_URL';

/**
 * The database that is meant: the one that is given, else that of the environment, else the one that an index
 * remembers. Throws `invalid_argument` where there is none, or it is no URL of PostgreSQL; errors do not repeat it.
 */
export function databaseUrl(
  { database, settings }: { database?: string | undefined; settings?: { database?: string } },
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const url = database ?? (env[DATABASE_VARIABLE] || undefined) ?? settings?.database;
  if (url === undefined)
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('store', 'pgvector')} needs ${option('database')}, or the variable ${DATABASE_VARIABLE}`,
      { option: 'database', hint: 'As in postgresql://user@host/name' },
    );
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== 'postgresql:' && parsed?.protocol !== 'postgres:')
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('database')} must be like postgresql://user@host/name`,
      {
        option: 'database',
      },
    );
  return url;
}

/** The same without what is secret in it. */
export function withoutPassword(url: string): string {
  const parsed = new URL(url);
  parsed.password = '';
  // What else is a parameter there, such as keys of certificates, is not needed to know which database it is.
  const kept = [...parsed.searchParams].filter(([name]) => ['host', 'port', 'dbname', 'sslmode'].includes(name));
  parsed.search = new URLSearchParams(kept).toString();
  return parsed.href;
}
