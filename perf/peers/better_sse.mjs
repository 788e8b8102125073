// A server with better-sse, as its documentation has it: one channel for each stream, POST /STREAM broadcasts the
// body, GET /STREAM subscribes.   node better_sse.mjs DIRECTORY PORT broadcast|buffer
//
// DIRECTORY holds node_modules. `broadcast` is channel.broadcast; `buffer` formats the event once, into an event
// buffer that every session of the channel is given.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const [directory, port, way] = process.argv.slice(2);
const { createChannel, createEventBuffer, createSession } = createRequire(`${directory}/package.json`)('better-sse');

// The data are text as they are; JSON.stringify, the default, would cost more.
const options = { serializer: (data) => data };
const channels = new Map();
const channelOf = (stream) => channels.get(stream) ?? channels.set(stream, createChannel()).get(stream);

function publish(channel, data) {
  if (way === 'broadcast') {
    channel.broadcast(data);
    return;
  }
  const buffer = createEventBuffer(options);
  buffer.push(data, 'message', randomUUID());
  for (const session of channel.activeSessions) void session.batch(buffer);
}

async function onRequest(request, response) {
  const channel = channelOf(request.url);
  if (request.method !== 'POST') {
    channel.register(await createSession(request, response, options));
    return;
  }
  let data = '';
  request.setEncoding('utf8');
  request.on('data', (part) => { data += part; });
  request.on('end', () => {
    publish(channel, data);
    response.writeHead(204).end();
  });
}

createServer(onRequest).listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });
