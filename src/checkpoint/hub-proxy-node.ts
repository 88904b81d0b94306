import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { RequestOptions } from 'node:https';
import { connect as tlsConnect } from 'node:tls';
import type { Socket } from 'node:net';
import { AlbertineError } from '../core/errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy that `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` (either case) name for an address, if any. */
export function proxyFor(url: URL, environment: Environment = process.env): URL | undefined {
  const read = (name: string): string => environment[name.toLowerCase()] || environment[name] || '';
  const address = read(url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY') || read('ALL_PROXY');
  if (!address || isExcluded(url, read('NO_PROXY'))) return undefined;
  const proxy = URL.canParse(address) ? new URL(address) : new URL(`http://${address}`);
  if (proxy.protocol !== 'http:') {
    throw new AlbertineError(
      'unsupported',
      `only http:// proxies are supported, got ${proxy.protocol}//${proxy.host}`,
      {
        hint: 'Set HTTPS_PROXY to an http:// address, or list the hub in NO_PROXY',
      },
    );
  }
  return proxy;
}

function isExcluded(url: URL, list: string): boolean {
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === '*') return true;
    const [, host, port] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (!host || (port && port !== url.port)) return false;
    return url.hostname === host || url.hostname.endsWith(`.${host}`);
  });
}

/** The header that carries a proxy's user name and password, if its address has them. */
export function proxyAuthorization(proxy: URL): Record<string, string> {
  if (!proxy.username) return {};
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/** An https agent whose connections run through an http proxy's CONNECT tunnel. @internal */
export function tunnelAgent(proxy: URL): HttpsAgent {
  const agent = new HttpsAgent({ keepAlive: true });
  const createConnection = (options: RequestOptions, done: (error: Error | null, socket?: Socket) => void): void => {
    const authority = `${options.host}:${options.port ?? 443}`;
    const tunnel = httpRequest({
      host: proxy.hostname,
      port: proxy.port || 80,
      method: 'CONNECT',
      path: authority,
      agent: new HttpAgent({ keepAlive: false }),
      headers: { host: authority, ...proxyAuthorization(proxy) },
      timeout: options.timeout,
      signal: options.signal,
    });
    tunnel.once('connect', (response, socket) => {
      if (response.statusCode === 200) {
        // Node fills in the server's name (none for an address of digits); the host is what the certificate is checked
        // against.
        done(
          null,
          tlsConnect({
            socket,
            host: options.host ?? undefined,
            servername: options.servername,
            ALPNProtocols: ['http/1.1'],
          }),
        );
      } else {
        socket.destroy();
        done(
          new Error(
            `proxy ${proxy.host} refused a tunnel to ${authority}: ${response.statusCode} ${response.statusMessage}`,
          ),
        );
      }
    });
    tunnel.once('timeout', () => tunnel.destroy(new Error(`proxy ${proxy.host} did not answer`)));
    tunnel.once('error', (error) => done(error));
    tunnel.end();
  };
  return Object.assign(agent, { createConnection });
}
