import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';

/** A database with the extension vector that tests may write into. */
export interface TestDatabase {
  url: string;
  /** Whether it is a server with processes and passwords, not PGlite, PostgreSQL in this process. */
  isServer: boolean;
  close(): Promise<void>;
}

/** The server of `ALBERTINE_TEST_DATABASE_URL`, else PGlite behind a socket. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const url = process.env['ALBERTINE_TEST_DATABASE_URL'];
  if (url !== undefined) return { url, isServer: true, close: async () => undefined };
  const db = await PGlite.create({ extensions: { vector } });
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections: 8 });
  await server.start();
  return {
    url: `postgresql://postgres:postgres@${server.getServerConn()}/postgres?sslmode=disable`,
    isServer: false,
    close: async () => {
      await server.stop();
      await db.close();
    },
  };
}
