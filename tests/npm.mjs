// Loads a package that scripts/install-npm.sh put under the build directory, outside of the tree that
// Node.js searches:  const { EventSource } = load('eventsource');
import { createRequire } from 'node:module';

const directory = process.env.RC_NPM ?? new URL('../build/npm', import.meta.url).pathname;

export const load = createRequire(`${directory}/package.json`);
