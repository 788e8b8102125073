// Certificates for tests, made by openssl: an authority and what it signs.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratch } from './broker.mjs';

const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export class Authority {
  constructor(directory = join(scratch, 'certificates')) {
    mkdirSync(directory, { recursive: true });
    this.directory = directory;
    this.path = join(directory, 'authority.crt');
    openssl('req', '-x509', ...NEW_KEY, '-keyout', join(directory, 'authority.key'), '-out', this.path, '-days', '2',
      '-subj', '/CN=authority of the tests');
  }

  get pem() { return readFileSync(this.path, 'utf8'); }

  // NAME.crt and NAME.key, put there at once, for localhost, 127.0.0.1 and this host.
  make(name, host = 'localhost') {
    const at = (ending) => join(this.directory, `${name}.${ending}`);
    const extensions = at('ext');
    writeFileSync(extensions, `subjectAltName=DNS:${host},DNS:localhost,IP:127.0.0.1\n`);
    openssl('req', ...NEW_KEY, '-keyout', at('key.new'), '-out', at('csr'), '-subj', `/CN=${host}`);
    openssl('x509', '-req', '-in', at('csr'), '-CA', this.path, '-CAkey', join(this.directory, 'authority.key'),
      '-CAcreateserial', '-days', '2', '-extfile', extensions, '-out', at('crt.new'));
    execFileSync('chmod', ['600', at('key.new')]);
    renameSync(at('key.new'), at('key'));
    renameSync(at('crt.new'), at('crt'));
    return { certificate: at('crt'), key: at('key') };
  }
}

// What a broker is told of them.
export const flagsOf = (...pairs) => pairs.flatMap(({ certificate, key }) => [
  '--tls-certificate', certificate, '--tls-key', key]);
