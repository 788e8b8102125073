// The built-in page: what arrives on the chosen streams, as tiles and as a table.
import { Feed } from "./feed.mjs";
import { dataText, formatTime, noticeText, readEvent, readerOf, splitNames, takeReading } from "./reading.mjs";
import { Sparkline } from "./sparkline.mjs";

const DEFAULT_STREAMS = ["system/cpu", "system/memory", "system/disk", "system/network"];
const ROWS_MAX = 50;
const TILES_MAX = 12;
const DATA_SHOWN_MAX = 600;

const element = (id) => document.getElementById(id);
const rows = element("events");

let received = 0;
let receivedBefore = 0;
let isPaused = false;
let isDrawing = false;
let waiting = []; // events that are not in the table yet, oldest first
const tiles = new Map(); // by stream

function makeTile(stream) {
  const reader = readerOf(stream);
  const box = element("tile").content.firstElementChild.cloneNode(true);
  const tile = {
    reader,
    box,
    value: box.querySelector(".value"),
    detail: box.querySelector(".detail"),
    chart: new Sparkline(box.querySelector(".chart"), { top: reader?.top }),
    reading: null,
    sinceTick: 0,
    total: 0,
  };
  box.dataset.stream = stream;
  box.querySelector("h3").textContent = reader?.title ?? stream;
  tile.value.textContent = "–";
  tile.detail.textContent = "waiting for the first event";
  element("tiles").append(box);
  tiles.set(stream, tile);
  return tile;
}

function showReading(tile, data) {
  const reading = tile.reader ? takeReading(tile.reader, data) : null;
  if (reading === null) return;
  tile.reading = reading;
  tile.chart.push(reading.number);
}

function drawTiles() {
  for (const tile of tiles.values()) {
    if (tile.reading === null) continue;
    tile.value.textContent = tile.reading.value;
    tile.detail.textContent = tile.reading.detail;
    tile.reading = null;
    tile.chart.draw();
  }
}

function makeRow(event) {
  const row = document.createElement("tr");
  const cell = (text, name) => {
    const box = row.insertCell();
    box.textContent = text;
    if (name) box.className = name;
    return box;
  };
  const text = event.isNotice ? noticeText(event) : dataText(event.data);
  if (event.isNotice) row.className = "gap";
  cell(formatTime(event.time));
  cell(event.stream);
  cell(event.id, "number");
  cell(event.type);
  cell(text.length > DATA_SHOWN_MAX ? `${text.slice(0, DATA_SHOWN_MAX)}…` : text, "data");
  return row;
}

function drawRows() {
  if (isPaused || waiting.length === 0) return;
  element("empty").hidden = true;
  rows.prepend(...waiting.map(makeRow).reverse());
  waiting = [];
  while (rows.rows.length > ROWS_MAX) rows.deleteRow(-1);
}

// However many events come, the page is drawn once a frame.
function drawSoon() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    drawTiles();
    drawRows();
    element("count").textContent = received.toLocaleString();
  });
}

function onEvent(message) {
  const event = readEvent(message);
  received++;
  const tile = tiles.get(event.stream) ?? (event.stream && tiles.size < TILES_MAX ? makeTile(event.stream) : null);
  if (tile) {
    tile.sinceTick++;
    tile.total++;
    showReading(tile, event.data);
  }
  waiting.push(event);
  if (waiting.length > ROWS_MAX) waiting.shift();
  drawSoon();
}

function onState(state, text) {
  element("status").dataset.state = state;
  element("status-text").textContent = text;
}

function showNotice(text) {
  element("notice").hidden = text === "";
  element("notice").textContent = text;
}

// Once a second: rates, and for streams without readings the number of events as the chart.
function tick() {
  element("rate").textContent = (received - receivedBefore).toLocaleString();
  receivedBefore = received;
  for (const tile of tiles.values()) {
    if (tile.reader === null) {
      tile.chart.push(tile.sinceTick);
      tile.chart.draw();
      tile.value.textContent = `${tile.sinceTick.toLocaleString()}/s`;
      tile.detail.textContent = `${tile.total.toLocaleString()} events`;
    }
    tile.sinceTick = 0;
  }
}

const feed = new Feed({ onEvent, onState });

function subscribe() {
  const streams = splitNames(element("streams").value);
  if (streams.length === 0) {
    showNotice("Name at least one stream.");
    element("streams").focus();
    return;
  }
  showNotice("");
  waiting = [];
  received = receivedBefore = 0;
  element("count").textContent = "0";
  rows.replaceChildren();
  tiles.clear();
  element("tiles").replaceChildren();
  element("empty").hidden = false;
  for (const stream of streams.slice(0, TILES_MAX)) makeTile(stream);
  const from = element("from").value;
  const types = splitNames(element("types").value);
  const query = new URLSearchParams(streams.map((name) => ["stream", name]));
  if (from !== "last:20") query.set("from", from);
  if (types.length > 0) query.set("types", types.join(","));
  history.replaceState(null, "", `?${query}`);
  feed.open(streams, from, types);
}

function start() {
  const query = new URLSearchParams(location.search);
  const streams = query.getAll("stream");
  element("streams").value = (streams.length > 0 ? streams : DEFAULT_STREAMS).join(", ");
  element("types").value = query.get("types") ?? "";
  if (query.has("from")) {
    const from = element("from");
    from.value = query.get("from");
    if (from.selectedIndex < 0) {
      from.add(new Option(query.get("from"), query.get("from"), true, true));
    }
  }
  element("choice").addEventListener("submit", (event) => {
    event.preventDefault();
    subscribe();
  });
  element("pause").addEventListener("click", () => {
    isPaused = !isPaused;
    element("pause").setAttribute("aria-pressed", String(isPaused));
    drawSoon();
  });
  setInterval(tick, 1000);
  subscribe();
}

start();
