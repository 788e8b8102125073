// What the built-in page makes of events, whatever their data: src/web/reading.mjs without a browser.
import assert from "node:assert/strict";
import {
  dataText, formatBytes, formatPercent, formatTime, noticeText, readEvent, readerOf, splitNames, takeReading,
} from "../../src/web/reading.mjs";

const message = (data, type = "message", lastEventId = "") => ({ data, type, lastEventId });

const envelope = readEvent(message('{"id":7,"stream":"chat/42","sequence":1,"type":"text","time":5,"data":{"a":1}}', "text", "7"));
assert.deepEqual(envelope, { id: "7", type: "text", stream: "chat/42", time: 5, data: { a: 1 }, isNotice: false });

for (const data of ["no JSON", "", "{", "[1,2]", "null", "7", '{"stream":7,"data":1}', '{"__proto__":1}']) {
  const event = readEvent(message(data));
  assert.equal(event.stream, "");
  assert.equal(typeof dataText(event.data), "string");
}
assert.equal(readEvent(message("plain <b>", "text", "9")).id, "9");
assert.equal(readEvent(message('{"stream":"s","data":1,"time":"x"}')).stream, "s");
assert.equal(readEvent(message('{"stream":"s","data":1}', "text", "9")).id, "", "an ephemeral event has no id");

const gap = readEvent(message('{"from":1,"to":5,"reason":"expired"}', "gap", "5"));
assert.equal(gap.isNotice, true);
const noticeOf = (data, type = "gap") => noticeText({ type, data });
assert.match(noticeText(gap), /^Events may be missing between ids 1 and 5: they are older than what is kept/);
assert.match(noticeOf({ from: 1, to: 5, count: 3, reason: "lagged" }), /^3 events are missing between ids 1 and 5: this page was too slow/);
assert.match(noticeOf({}), /unknown reason/);
assert.match(noticeOf(null), /unknown reason/);
assert.equal(readEvent(message('{"reason":"lagged"}', "disconnect")).isNotice, true);
assert.match(noticeOf({ reason: "lagged" }, "disconnect"), /closed this connection: this page was too slow/);
assert.match(noticeOf(null, "disconnect"), /closed this connection/);
assert.match(noticeOf({ reason: "token_expired" }, "disconnect"), /its token has expired/);
assert.equal(readEvent(message('{"stream":"s","reason":"closed"}', "end")).isNotice, true);
assert.match(noticeOf({ stream: "s", reason: "closed" }, "end"), /^The stream s is closed:/);
assert.equal(typeof noticeOf(null, "end"), "string");
assert.equal(readEvent(message("{}", "toString")).isNotice, false);
assert.equal(readEvent(message('{"stream":"s","time":1,"data":{}}', "gap")).isNotice, false, "a producer's own type");

assert.deepEqual(splitNames(" a, b,,a\nc "), ["a", "b", "c"]);
assert.deepEqual(splitNames(""), []);

assert.equal(formatBytes(0), "0 B");
assert.equal(formatBytes(1536), "1.5 KiB");
assert.equal(formatBytes(2 ** 20 - 1), "1.0 MiB");
assert.equal(formatBytes(undefined), "–");
assert.equal(formatPercent(12.345), "12.3 %");
assert.equal(formatPercent("x"), "–");
assert.match(formatTime(0), /^\d\d:\d\d:\d\d\.000$/);
assert.equal(formatTime(NaN), "–");

assert.equal(readerOf("toString"), null);
assert.equal(readerOf("chat/42"), null);
const cpu = readerOf("system/cpu");
assert.deepEqual(takeReading(cpu, { percent: 5, cores: [1, 2], load: [0.1, 0.2, 0.3] }),
  { value: "5.0 %", detail: "2 cores, load 0.1 0.2 0.3", number: 5 });
for (const stream of ["cpu", "memory", "disk", "network"]) {
  const reader = readerOf(`system/${stream}`);
  for (const data of [null, "text", 7, [], {}, { percent: "x", cores: 7, load: null }]) {
    const reading = takeReading(reader, data);
    assert.ok(reading === null || typeof reading.value === "string");
  }
}
