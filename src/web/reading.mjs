// Events as text and numbers. Pure functions: nothing here touches the page.

// What an EventSource message says, whether its data is ringcast's envelope, other JSON or no JSON at all.
export function readEvent(message) {
  const event = {
    id: message.lastEventId || "",
    type: message.type || "message",
    stream: "",
    time: Date.now(),
    data: message.data,
    isNotice: false,
  };
  let parsed;
  try {
    parsed = JSON.parse(message.data);
  } catch {
    return event;
  }
  const isObject = parsed !== null && typeof parsed === "object" && !Array.isArray(parsed);
  if (isObject && typeof parsed.stream === "string" && "data" in parsed) {
    event.stream = parsed.stream;
    event.data = parsed.data;
    event.id = parsed.id === undefined ? "" : String(parsed.id);
    if (Number.isFinite(parsed.time)) event.time = parsed.time;
  } else {
    event.data = parsed;
    event.isNotice = event.type in notices;
  }
  return event;
}

// JSON with spaces between its parts, so that lines break there and not within numbers. Line ends within strings are escaped.
export function dataText(data) {
  return typeof data === "string" ? data : JSON.stringify(data, null, 1).replace(/(?<=[[{])\n *|\n *(?=[\]}])/g, "").replace(/\n */g, " ");
}

// What the broker itself says, for people.
const notices = { __proto__: null, gap: gapText, disconnect: disconnectText, end: endText };

export function noticeText(event) {
  return notices[event.type](event.data);
}

function disconnectText(data) {
  const reasons = { lagged: ": this page was too slow", token_expired: ": its token has expired" };
  return `The broker closed this connection${reasons[data?.reason] ?? ""}.`;
}

function endText(data) {
  return `The stream ${data?.stream ?? ""} is ${data?.reason ?? "over"}: nothing more comes of it.`;
}

function gapText(data) {
  const reasons = {
    expired: "they are older than what is kept",
    lagged: "this page was too slow",
    unknown: "the place to resume from is not known",
    ahead: "the place to resume from is ahead of the log",
    corrupt: "the broker's disk lost them",
    lapped: "the broker itself fell behind",
    shed: "the broker was short of memory",
  };
  const why = reasons[data?.reason] ?? data?.reason ?? "unknown reason";
  const many = Number.isFinite(data?.count) ? `${data.count} ${data.count === 1 ? "event is" : "events are"} missing` : "Events may be missing";
  return Number.isFinite(data?.from) && Number.isFinite(data?.to)
    ? `${many} between ids ${data.from} and ${data.to}: ${why}.`
    : `${many}: ${why}.`;
}

// "a, b" or one a line; no name twice.
export function splitNames(text) {
  return [...new Set(text.split(/[,\n]/).map((name) => name.trim()).filter((name) => name !== ""))];
}

export function formatBytes(bytes) {
  if (!Number.isFinite(bytes)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1023.95 && unit + 1 < units.length) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function formatPercent(value) {
  return Number.isFinite(value) ? `${value.toFixed(1)} %` : "–";
}

export function formatTime(milliseconds) {
  const date = new Date(milliseconds);
  if (Number.isNaN(date.getTime())) return "–";
  const two = (number) => String(number).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}` +
    `.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

const sum = (...numbers) => numbers.reduce((total, number) => total + (Number.isFinite(number) ? number : 0), 0);
const list = (value) => (Array.isArray(value) ? value : []);

// What the streams of `ringcast vitals` show: the big number, the line beneath, and the number to draw (0 to `top`, which is
// the largest seen where there is none).
const readers = {
  "system/cpu": {
    title: "CPU",
    top: 100,
    read: (data) => ({
      value: formatPercent(data.percent),
      detail: `${list(data.cores).length} cores, load ${list(data.load).join(" ") || "–"}`,
      number: data.percent,
    }),
  },
  "system/memory": {
    title: "Memory",
    top: 100,
    read: (data) => ({
      value: formatPercent(data.percent),
      detail: `${formatBytes(data.used_bytes)} of ${formatBytes(data.total_bytes)}, cache ${formatBytes(data.cached_bytes)}`,
      number: data.percent,
    }),
  },
  "system/disk": {
    title: "Disk",
    read: (data) => ({
      value: `${formatBytes(sum(data.read_bytes_per_s, data.written_bytes_per_s))}/s`,
      detail: `read ${formatBytes(data.read_bytes_per_s)}/s, written ${formatBytes(data.written_bytes_per_s)}/s, ` +
        `${formatPercent(data.percent)} full`,
      number: sum(data.read_bytes_per_s, data.written_bytes_per_s),
    }),
  },
  "system/network": {
    title: "Network",
    read: (data) => ({
      value: `${formatBytes(sum(data.received_bytes_per_s, data.sent_bytes_per_s))}/s`,
      detail: `received ${formatBytes(data.received_bytes_per_s)}/s, sent ${formatBytes(data.sent_bytes_per_s)}/s`,
      number: sum(data.received_bytes_per_s, data.sent_bytes_per_s),
    }),
  },
};

export function readerOf(stream) {
  return Object.hasOwn(readers, stream) ? readers[stream] : null;
}

// The reading in an event of that stream, or null where it is none.
export function takeReading(reader, data) {
  if (data === null || typeof data !== "object" || Array.isArray(data)) return null;
  const reading = reader.read(data);
  return Number.isFinite(reading.number) ? reading : null;
}
