// Who may ask for what (mission I1 to I3): tables of requests, each with its status, its header fields and its stable
// code, against brokers with different settings.
// timeout: 120
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { join } from 'node:path';
import { Broker, scratch, test, within } from './broker.mjs';

const HOME = 'https://app.example';
const OTHER = 'http://localhost:3000';
const FOREIGN = 'https://evil.example';

// Status, header fields, and a problem's code; of an event stream, that it began.
function ask(broker, method, path, headers = {}, body = undefined) {
  return within(`an answer to ${method} ${path}`, new Promise((resolve, reject) => {
    const asked = request({ port: broker.port, host: '127.0.0.1', method, path, headers, agent: false }, (answer) => {
      let text = '';
      const give = () => {
        asked.destroy();
        resolve({ status: answer.statusCode, fields: answer.headers, code: /"code":"(\w+)"/.exec(text)?.[1] });
      };
      if (answer.headers['content-type'] === 'text/event-stream') give();
      answer.setEncoding('utf8').on('data', (piece) => { text += piece; }).on('end', give).on('error', () => {});
    });
    asked.on('error', reject);
    asked.end(body);
  }));
}

const routes = {
  '/streams/a': 200,
  '/events?stream=a&stream=b': 200,
  '/api/sse?sessionId=a': 200,
  '/stream?stream_id=nobody-published-to-it': 404,
  '/streams/a?from=nonsense': 400,
  '/healthz': 200,
  '/': 200,
  '/nothing': 404,
};
const openRoutes = ['/healthz', '/', '/nothing'];

async function checkOrigins(broker, isListed, isRequired) {
  for (const [path, status] of Object.entries(routes)) {
    for (const origin of [HOME, OTHER, FOREIGN, 'null', '', `${HOME}.evil.example`, HOME.toUpperCase()]) {
      const answer = await ask(broker, 'GET', path, { Origin: origin });
      const isAllowed = isListed && (origin === HOME || origin === OTHER);
      const said = `${path} of a page of '${origin}'`;
      assert.equal(answer.status, isAllowed ? status : 403, said);
      if (!isAllowed) assert.equal(answer.code, 'forbidden', said);
    }
    const answer = await ask(broker, 'GET', path);
    const isOpen = !isRequired || openRoutes.includes(path);
    assert.equal(answer.status, isOpen ? status : 403, `${path} without an Origin`);
    if (!isOpen) assert.equal(answer.code, 'forbidden');
  }
}

const start = (name, flags) => Broker.start({ flags, directory: join(scratch, name) });

test(async ({ say }) => {
  let broker = await start('listed', ['--allow-origins', `${HOME}, ${OTHER}`]);
  await checkOrigins(broker, true, false);
  await broker.stop();
  say('origins that are on the list, and others');

  broker = await start('required', ['--allow-origins', `${HOME},${OTHER}`, '--require-origin']);
  await checkOrigins(broker, true, true);
  await broker.stop();
  say('where an Origin is required');

  broker = await start('unlisted', []);
  await checkOrigins(broker, false, false);
  assert.equal(broker.log().match(/no origin is allowed/g)?.length, 1, 'a warning in the log, once');
  await broker.stop();
  say('without a list');
});
