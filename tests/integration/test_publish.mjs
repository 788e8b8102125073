// `ringcast publish`, and with it libringcast: lines of standard input through a broker that is killed and started again.
// Each is in the log once, in order, and none is missing (mission G1, G4).
// timeout: 180
import assert from 'node:assert/strict';
import { Broker, Child, Helper, binary, slowness, sleep, test, until } from './broker.mjs';

const LINES = 300_000 / slowness;
const KILLS = 12;

test(async ({ say }) => {
  const broker = await Broker.start({ flags: ['--lag-events', '0', '--lag-bytes', '0'] });
  const printed = [];
  const publish = new Child(binary, ['publish', '--socket', broker.socket, 'publish/lines'], { onLine: (line) => printed.push(line) });
  // Fed in between the kills, so that each of them hits it at work.
  let next = 1;
  const feed = (count) => {
    let text = '';
    for (const end = next + count; next < end; next++) text += `${next}\n`;
    publish.write(text);
  };
  for (let kill = 0; kill < KILLS; kill++) {
    feed(LINES / KILLS);
    // A connection that it had is made again; the first one has to be there.
    if (kill === 0) await until('the first lines', async () => (await broker.status()).log.last_id > 0);
    await sleep(Math.random() * 40);
    await broker.kill();
    await broker.start();
  }
  publish.process.stdin.end();
  const end = await publish.ended;
  assert.deepEqual(end, { code: 0, signal: null });
  assert.match(printed.join('\n'), /^id \d+ sequence \d+$/);
  const reader = new Helper('subscribers', broker.port, '--dense', 1, '/streams/publish/lines?from=earliest');
  await reader.ask(`wait ${LINES}`, 'reached');
  const [lastId] = await reader.ask('last', 'last');
  assert.equal(printed[0].split(' ')[1], String(lastId), 'the last id is what it printed');
  assert.equal((await broker.status()).log.last_id, lastId, 'nothing was appended twice');
  say(`${LINES} lines through ${KILLS} kills`);
  await broker.stop();
});
