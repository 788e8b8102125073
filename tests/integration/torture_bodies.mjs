// The torture test's cases about requests that publish, create, end and ask (see torture_requests.mjs). The broker's bounds are
// LIMITS; streams are named so that healthy subscribers see nothing of them.
import { chunked, get, request, sized } from './torture_requests.mjs';

export const LIMITS = { requestBytes: 512 << 10, eventBytes: 16 << 10 };

const x = (count) => 'x'.repeat(count);
const T = 'POST /streams/torture';
const as = (type) => `Content-Type: ${type}\r\n`;
const JSON_TYPE = as('application/json');
const post = (body, type = JSON_TYPE, query = '') => sized(`${T}${query}`, body, type);
const TAKEN = '200, open';
const BROKEN = '400 serialization_error, open';
const BAD = '400 invalid_parameter, open';
const MISSING = '400 missing_parameter, open';
const LARGE = '413 too_large, open';

const raw = [
  ['a text', post('hello', as('text/plain')), TAKEN],
  ['without type', post('hello', ''), TAKEN],
  ['an empty type', post('hello', as('')), TAKEN],
  ['a nonsensical type', post('hello', as('///;;;=')), TAKEN],
  ['a type with parameters', post('hello', as('text/plain; charset="utf-8"; x=y')), TAKEN],
  ['a type of 300 bytes', post('hello', as(`text/${x(300)}`)), '431 header_too_large'],
  ['nothing', post('', as('text/plain')), TAKEN],
  ['nothing, and no length', request(T), TAKEN],
  ['one byte', post('x', ''), TAKEN],
  ['bytes that are no UTF-8', post('\xff\xfe\x00', ''), TAKEN],
  ['NULs', post('\0'.repeat(1000), as('application/octet-stream')), TAKEN],
  ['every byte', post(Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join(''), ''), TAKEN],
  ['a frame of its own', post('data: x\n\nid: 7\nevent: gap\n\n', as('text/plain')), TAKEN],
  ['line ends of every kind', post('a\rb\nc\r\nd\r\r\n\n', as('text/plain')), TAKEN],
  ['a request', post(get('/healthz'), as('text/plain')), TAKEN],
  ['multipart', post('--b\r\n\r\nx\r\n--b--', as('multipart/form-data; boundary=b')), '415 invalid_request, open'],
  ['multipart, said to be raw', post('--b\r\n\r\nx\r\n--b--', as('multipart/form-data; boundary=b'), '?body=raw'), TAKEN],
  ['broken JSON, said to be raw', post('{"data":', JSON_TYPE, '?body=raw'), TAKEN],
  ['a kind that nobody knows', post('x', '', '?body=xml'), BAD],
  ['a coding of the content', post('x', 'Content-Encoding: gzip\r\n'), '415 invalid_request, open'],
  ['the largest event', post(x(LIMITS.eventBytes), as('text/plain')), TAKEN],
  ['a byte more', post(x(LIMITS.eventBytes + 1), as('text/plain')), LARGE],
];

const nested = (depth) => `{"data":${'['.repeat(depth)}${']'.repeat(depth)}}`;
const json = [
  ['an object', post('{"data":"hi"}'), TAKEN],
  ['an object in white space', post('\r\n\t {"data":"hi"} \n'), TAKEN],
  ['JSON in it', post('{"data": { "a": [1, 2] }}'), TAKEN],
  ['null in it', post('{"data":null}'), TAKEN],
  ['every member', post('{"stream":"torture","data":1,"type":"t","priority":"high","tags":["a"],"source":"s","correlation_id":"c",'
    + '"content_type":"text/plain","topics":["a"],"custom":{"k":1},"ttl_ms":9,"retry":9}'), TAKEN],
  ['what is not stored', post('{"data":1,"ephemeral":true}'), '202, open'],
  ['nothing', post(''), BROKEN],
  ['white space', post(' \n'), BROKEN],
  ['an array', post('[{"data":1}]'), BROKEN],
  ['a string', post('"data"'), BROKEN],
  ['a number', post('1'), BROKEN],
  ['a cut object', post('{"data":"hi"'), BROKEN],
  ['two objects', post('{"data":1}{"data":2}'), BROKEN],
  ['a comma at the end', post('{"data":1,}'), BROKEN],
  ['a comment', post('{"data":1/**/}'), BROKEN],
  ['single quotes', post("{'data':1}"), BROKEN],
  ['a key without quotes', post('{data:1}'), BROKEN],
  ['NaN', post('{"data":NaN}'), BROKEN],
  ['a leading zero', post('{"data":01}'), BROKEN],
  ['a number of 10,000 digits', post(`{"data":${'9'.repeat(10000)}}`), TAKEN],
  ['a byte order mark', post('\xef\xbb\xbf{"data":1}'), BROKEN],
  ['UTF-16', post('{\0"\0d\0a\0t\0a\0"\0:\x001\0}\0'), BROKEN],
  ['bytes that are no UTF-8', post('{"data":"\xff"}'), BROKEN],
  ['an overlong character', post('{"data":"\xc0\xaf"}'), BROKEN],
  ['a lone surrogate', post('{"data":"\\ud800"}'), BROKEN],
  ['a control character', post('{"data":"\x01"}'), BROKEN],
  ['an unknown escape', post('{"data":"\\x41"}'), BROKEN],
  ['63 levels', post(nested(63)), TAKEN],
  ['64 levels', post(nested(64)), BROKEN],
  ['white space in it', post(`{"data":[${' '.repeat(20_000)}]}`), TAKEN],
  ['more white space than sense', post(`{"data":[${' '.repeat(100_000)}]}`), LARGE],
  ['10,000 levels', post(nested(10000)), BROKEN],
  ['no data', post('{"type":"t"}'), MISSING],
  ['data twice', post('{"data":1,"data":2}'), BAD],
  ['data twice, once escaped', post('{"data":1,"d\\u0061ta":2}'), BAD],
  ['an unknown member', post('{"data":1,"__proto__":{}}'), BAD],
  ['an operation', post('{"data":1,"op":"discard"}'), BAD],
  ['another stream', post('{"data":1,"stream":"healthy"}'), BAD],
  ['a type of two lines', post('{"data":1,"type":"a\\ndata: x"}'), BAD],
  ['a type of 256 bytes', post(`{"data":1,"type":"${x(256)}"}`), BAD],
  ['a tag with CR', post('{"data":1,"tags":["a\\rb"]}'), BAD],
  ['17 tags', post(`{"data":1,"tags":[${Array(17).fill('"a"')}]}`), BAD],
  ['5,000 tags', post(`{"data":1,"tags":[${Array(5000).fill('"abcdef"')}]}`), LARGE],
  ['tags that are no array', post('{"data":1,"tags":"a"}'), BAD],
  ['a custom key with NUL', post('{"data":1,"custom":{"a\\u0000b":1}}'), BAD],
  ['a time to live below nothing', post('{"data":1,"ttl_ms":-1}'), BAD],
  ['a time to live beyond 32 bits', post('{"data":1,"ttl_ms":4294967296}'), BAD],
  ['a time to live of 1e400', post('{"data":1,"ttl_ms":1e400}'), BAD],
  ['a priority of 5', post('{"data":1,"priority":5}'), BAD],
  ['a producer without sequence', post('{"data":1,"producer_id":7}'), MISSING],
  ['a producer of 2^64', post('{"data":1,"producer_id":18446744073709551616,"producer_sequence":1}'), BAD],
  ['data that is too large', post(`{"data":"${x(LIMITS.eventBytes + 1)}"}`), LARGE],
  ['escapes that are not too large', post(`{"data":"${'\\u0061'.repeat(8000)}"}`), TAKEN],
  ['a name that is too long', post(`{"data":1,"${x(30000)}":1}`), BAD],
];

const big = `{"data":"${x(1000)}","tags":["a","\\u0062"]}`;
const NDJSON = as('application/x-ndjson');
const lines = (body) => post(body, NDJSON);
const ndjson = [
  ['two events', lines('{"data":1}\n{"data":2}\n'), TAKEN],
  ['CR LF and empty lines', lines('\r\n{"data":1}\r\n\r\n \n{"data":2}'), TAKEN],
  ['nothing', lines(''), MISSING],
  ['empty lines alone', lines('\n'.repeat(5000)), MISSING],
  ['one bad line', lines('{"data":1}\n{"data":\n{"data":3}\n'), BROKEN],
  ['one bad member at the end', lines(`${'{"data":1}\n'.repeat(500)}{"date":1}`), BAD],
  ['two events on a line', lines('{"data":1} {"data":2}'), BROKEN],
  ['an event over two lines', lines('{"data":\n1}'), BROKEN],
  ['ends of line of other kinds', lines('{"data":1}\r{"data":2}'), BROKEN],
  ['another stream in one', lines('{"data":1}\n{"data":2,"stream":"other"}'), BAD],
  ['an event that is too large among small ones', lines(`{"data":1}\n{"data":"${x(LIMITS.eventBytes + 1)}"}`), LARGE],
  ['1,000 events', lines('{"data":1}\n'.repeat(1000)), TAKEN],
  ['10,001 events', lines('{"data":1}\n'.repeat(10_001)), LARGE],
  ['300 KB', lines(`${big}\n`.repeat(300)), TAKEN],
  ['300 KB, broken at the end', lines(`${`${big}\n`.repeat(300)}{`), BROKEN],
  ['500 KB of empty lines', lines(`${'\n'.repeat(500_000)}{"data":1}`), TAKEN],
  ['300 KB and the next requests', lines(`${big}\n`.repeat(300)) + post('{"data":1}') + get('/healthz'), '200, 200, 200, open'],
  ['300 KB, half-closed', { steps: [lines(`${big}\n`.repeat(300))], isHalfClosed: true }, '200'],
];

const FORM = as('application/x-www-form-urlencoded');
const fields = (body) => post(body, FORM);
const form = [
  ['a form', fields('data=hello+world&type=t&tag=a&tag=b'), TAKEN],
  ['an empty field', fields('data='), TAKEN],
  ['encoded line ends', fields('data=a%0D%0Ab%0A%0Ac'), TAKEN],
  ['what curl -d sends without a type', fields('hello'), BAD],
  ['nothing', fields(''), MISSING],
  ['no data', fields('type=t'), MISSING],
  ['data twice', fields('data=1&data=2'), BAD],
  ['a bad escape', fields('data=%zz'), BROKEN],
  ['% at the end', fields('data=%'), BROKEN],
  ['bytes that are no UTF-8', fields('data=%FF'), BROKEN],
  ['CR LF in the type', fields('data=1&type=a%0D%0Aid:7'), BAD],
  ['10,000 fields', fields(`data=1${'&tag=a'.repeat(10000)}`), LARGE],
  ['20,000 separators', fields(`${'&'.repeat(20000)}data=1`), TAKEN],
  ['a number with a sign', fields('data=1&ttl_ms=+5'), BAD],
];

const asked = (query, more = '') => sized(`${T}${query}`, 'x', more);
const parameters = [
  ['ack=received', asked('?ack=received'), '202, open'],
  ['ack=synced', asked('?ack=synced'), TAKEN],
  ['ack=all', asked('?ack=all'), BAD],
  ['the field Ack', asked('', 'Ack: received\r\n'), '202, open'],
  ['Ack twice', asked('', 'Ack: received\r\nAck: received\r\n'), '400 invalid_request'],
  ['Ack and ack that agree', asked('?ack=written', 'Ack: written\r\n'), TAKEN],
  ['Ack and ack that differ', asked('?ack=written', 'Ack: synced\r\n'), BAD],
  ['a misspelt parameter', asked('?akc=synced'), BAD],
  ['ack twice', asked('?ack=written&ack=written'), BAD],
  ['an empty ack', asked('?ack='), BAD],
  ['the type by query', asked('?type=chat'), TAKEN],
  ['the type by field', asked('', 'Event-Type: chat\r\n'), TAKEN],
  ['a type of two lines', asked('?type=a%0Adata:%20x'), BAD],
  ['a type with NUL', asked('?type=a%00'), BAD],
  ['a type that is no UTF-8', asked('?type=%ff'), BAD],
  ['a field of a type that is no UTF-8', asked('', 'Event-Type: \xff\r\n'), BAD],
  ['Event-Type twice', asked('', 'Event-Type: a\r\nEvent-Type: b\r\n'), '400 invalid_request'],
  ['a priority of 9', asked('?priority=9'), BAD],
  ['a time to live of words', asked('?ttl_ms=soon'), BAD],
  ['a time to live beyond 32 bits', asked('?ttl_ms=4294967296'), BAD],
  ['a retry below nothing', asked('?retry=-1'), BAD],
  ['reach=maybe', asked('?reach=maybe'), BAD],
  ['how many are reached', asked('?reach=1'), TAKEN],
  ['17 tags', asked(`?${'tag=a&'.repeat(17)}`), BAD],
  ['a tag of 256 bytes', asked(`?tag=${x(256)}`), BAD],
  ['a producer', asked('', 'Producer-Id: p1\r\nProducer-Seq: 1\r\n'), TAKEN],
  ['a producer without sequence', asked('', 'Producer-Id: p1\r\n'), MISSING],
  ['a sequence without producer', asked('', 'Producer-Seq: 1\r\n'), MISSING],
  ['an epoch alone', asked('', 'Producer-Epoch: 1\r\n'), MISSING],
  ['a sequence of 0', asked('', 'Producer-Id: p1\r\nProducer-Seq: 0\r\n'), BAD],
  ['a sequence below nothing', asked('', 'Producer-Id: p1\r\nProducer-Seq: -1\r\n'), BAD],
  ['a sequence beyond 64 bits', asked('', 'Producer-Id: p1\r\nProducer-Seq: 18446744073709551616\r\n'), BAD],
  ['an epoch beyond 32 bits', asked('', 'Producer-Id: p1\r\nProducer-Seq: 1\r\nProducer-Epoch: 4294967296\r\n'), BAD],
  ['a producer of 129 bytes', asked('', `Producer-Id: ${x(129)}\r\nProducer-Seq: 1\r\n`), '431 header_too_large'],
  ['an empty producer', asked('', 'Producer-Id:\r\nProducer-Seq: 1\r\n'), BAD],
  ['Producer-Seq twice', asked('', 'Producer-Id: p\r\nProducer-Seq: 1\r\nProducer-Seq: 2\r\n'), '400 invalid_request'],
  ['Content-Type twice', sized(T, 'x', as('text/plain') + JSON_TYPE), '400 invalid_request'],
  ['Authorization twice', asked('', 'Authorization: Bearer a\r\nAuthorization: Bearer b\r\n'), '400 invalid_request'],
  ['Authorization of 5 KiB', asked('', `Authorization: Bearer ${x(5000)}\r\n`), '431 header_too_large'],
  ['a token where there are no keys', asked('', 'Authorization: Bearer a.b.c\r\n'), '401 unauthorized, open'],
  ['another scheme', asked('', 'Authorization: Basic YTpi\r\n'), '401 unauthorized, open'],
  ['the name of the stream with CR LF', sized('POST /streams/a%0D%0Ab', 'x'), '400 invalid_name, open'],
  ['the name of the stream of 256 bytes', sized(`POST /streams/${x(256)}`, 'x'), '400 invalid_name, open'],
];

const CONTINUE = 'Expect: 100-continue\r\n';
const sizes = [
  ['the largest body', post(x(LIMITS.requestBytes), as('text/plain')), LARGE],
  ['a length of a byte more', request(T, `Content-Length: ${LIMITS.requestBytes + 1}\r\n`), '413 too_large'],
  ['a length of 2^63 - 1', request(T, 'Content-Length: 9223372036854775807\r\n'), '413 too_large'],
  ['chunks of a byte more', chunked(T, `${(LIMITS.requestBytes + 1).toString(16)}\r\n${x(LIMITS.requestBytes + 1)}\r\n0\r\n\r\n`), '413 too_large'],
  ['a chunk of 2^60', chunked(T, '1000000000000000\r\nabc'), '413 too_large'],
  ['chunks without end', [chunked(T, ''), ...Array(70).fill(`2000\r\n${x(8192)}\r\n`)], '413 too_large'],
  ['a megabyte of a body of 10 bytes', request(T, 'Content-Length: 10\r\n', x(1 << 20)), '200, 400 invalid_request'],
  ['100-continue', [request(T, `${CONTINUE}Content-Length: 5\r\n`), { answers: 1 }, 'hello'], '100, 200, open'],
  ['100-continue, the body at once', request(T, `${CONTINUE}Content-Length: 5\r\n`, 'hello'), TAKEN],
  ['100-continue with chunks', [request(T, `${CONTINUE}Transfer-Encoding: chunked\r\n`), { answers: 1 }, '2\r\nhi\r\n0\r\n\r\n'], '100, 200, open'],
  ['100-continue for nothing', request(T, `${CONTINUE}Content-Length: 0\r\n`), TAKEN],
  ['100-continue where it is too large', request(T, `${CONTINUE}Content-Length: 99999999\r\n`), '413 too_large'],
  ['100-continue where it is nowhere', request('POST /nowhere', `${CONTINUE}Content-Length: 5\r\n`), '404 not_found'],
  ['100-continue in HTTP/1.0', 'POST /streams/torture HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello', '200'],
  ['another expectation', request(T, 'Expect: 200-maybe\r\nContent-Length: 5\r\n', 'hello'), '417 invalid_request'],
];

const slow = [
  ['a body that stops', [request(T, 'Content-Length: 9\r\n', 'abc')], '408 request_timeout'],
  ['a body that never begins', [request(T, 'Content-Length: 9\r\n')], '408 request_timeout'],
  ['a body of a byte now and then', [request(T, 'Content-Length: 90\r\n'), ...Array(40).fill(['x', 150]).flat()], '408 request_timeout'],
  ['chunks now and then', [chunked(T, ''), ...Array(40).fill(['1\r\nx\r\n', 150]).flat()], '408 request_timeout'],
  ['chunks without the last', [chunked(T, '3\r\nabc\r\n')], '408 request_timeout'],
  ['100-continue, then nothing', [request(T, `${CONTINUE}Content-Length: 9\r\n`)], '100, 408 request_timeout'],
  ['a slow body that makes it', [request(T, 'Content-Length: 20\r\n'), ...Array(20).fill(['x', 10]).flat()], TAKEN],
];

const chunks = [
  ['one', chunked(T, '5\r\nhello\r\n0\r\n\r\n'), TAKEN],
  ['none', chunked(T, '0\r\n\r\n'), TAKEN],
  ['500 of a byte', chunked(T, `${'1\r\nx\r\n'.repeat(500)}0\r\n\r\n`), TAKEN],
  ['JSON cut in a key', chunked(T, '4\r\n{"da\r\n6\r\nta":1}\r\n0\r\n\r\n', JSON_TYPE), TAKEN],
  ['a batch cut in a line', chunked(T, 'c\r\n{"data":1}\n{\r\n9\r\n"data":2}\r\n0\r\n\r\n', NDJSON), TAKEN],
  ['a trailer', chunked(T, '3\r\nabc\r\n0\r\nX: 1\r\n\r\n'), '400 invalid_request'],
  ['a size that is none', chunked(T, '3\r\nabc\r\nz\r\n'), '400 invalid_request'],
];

const settings = (body) => sized('PUT /streams/torture-set', body, JSON_TYPE);
const others = [
  ['create, again, and delete', settings('{"retention_count":5}').repeat(2) + request('DELETE /streams/torture-set'), '201, 200, 204, open'],
  ['create without a body', request('PUT /streams/torture-made') + request('DELETE /streams/torture-made'), '201, 204, open'],
  ['settings that are broken', settings('{"retention_count":'), BROKEN],
  ['settings that nobody knows', settings('{"retention_cuont":5}'), BAD],
  ['settings below nothing', settings('{"retention_count":-5}'), BAD],
  ['settings beyond 64 bits', settings('{"retention_bytes":18446744073709551616}'), BAD],
  ['settings that contradict', settings('{"overflow":"block","strategy":"drop"}'), BAD],
  ['a content type of two lines', settings('{"content_type":"a\\r\\nX: 1"}'), BAD],
  ['create one of any name', sized('POST /streams', '', ''), '201, open'],
  ['delete one that is not there', request('DELETE /streams/torture-none'), '404 stream_not_found, open'],
  ['metadata', { steps: [request('HEAD /streams/healthy')], heads: [0] }, '200, open'],
  ['metadata of one that is not there', { steps: [request('HEAD /streams/torture-none')], heads: [0] }, '404, open'],
  ['information', get('/streams/healthy?view=info'), '200, open'],
  ['another view', get('/streams/healthy?view=all'), BAD],
  ['a list', get('/streams?prefix=heal&limit=5'), '200, open'],
  ['a list of none', get('/streams?limit=0'), BAD],
  ['a list of words', get('/streams?limit=many'), BAD],
  ['a list beyond its bound', get('/streams?limit=99999999999'), BAD],
  ['a list after nonsense', get('/streams?after=-1'), BAD],
  ['an action that nobody knows', request('POST /streams/torture?action=explode'), BAD],
  ['a connection that is none', sized('POST /connections/zzz', 'x'), '404 connection_not_found, open'],
  ['a connection that is not there', sized('POST /connections/00ff000000000fff', 'x'), '404 connection_not_found, open'],
  ['a connection with CR LF', sized('POST /connections/%0D%0A', 'x'), '404 connection_not_found, open'],
  ['nowhere', sized('POST /nowhere', 'x'), '404 not_found, open'],
  ['the page', sized('POST /', 'x'), '405 method_not_allowed, open'],
  ['OPTIONS of a stream', request('OPTIONS /streams/torture'), '200, open'],
  ['OPTIONS *', request('OPTIONS *'), '200, open'],
];

const pipelined = [
  ['fifty events', sized(T, 'x').repeat(50), `${'200, '.repeat(50)}open`],
  ['good and bad', sized(T, 'x') + post('{') + chunked(T, '1\r\nx\r\n0\r\n\r\n') + sized('POST /streams/', 'x') + get('/healthz'),
    '200, 400 serialization_error, 200, 400 invalid_name, 200, open'],
  ['a subscription behind events', sized(T, 'x').repeat(3) + get('/streams/torture'), '200, 200, 200, 200 stream'],
  ['events behind a subscription are not looked at', get('/streams/torture') + sized('POST /streams/healthy', 'x'), '200 stream'],
  ['the body of one, cut before the next', [sized(T, 'hello').slice(0, -3), 20, `llo${sized(T, 'x')}`], '200, 200, open'],
  ['gone before the answer', { steps: [sized(T, 'x')], isHalfClosed: true }, '200'],
];

export const groups = {
  'raw bodies': raw,
  'JSON bodies': json,
  'batches': ndjson,
  'forms': form,
  'what is asked of a publish': parameters,
  'sizes and Expect': sizes,
  'slow bodies': slow,
  'chunked bodies': chunks,
  'other requests': others,
  'pipelined bodies': pipelined,
};
