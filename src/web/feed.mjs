// One EventSource on /events: the browser reconnects by itself and resumes with Last-Event-ID; this tells what it is doing.

// EventSource gives named events only to who listens for that name. These are the names that ringcast gives a meaning to.
const KNOWN_TYPES = [
  "message", "metrics", "gap", "disconnect", "end", "text", "binary", "json", "event", "progress", "complete", "data", "update", "tick", "log",
  "message_start", "message_delta", "message_stop", "message_started", "message_chunk", "message_completed",
  "content_block_start", "content_block_delta", "content_block_stop", "ping",
  "tool_start", "tool_progress", "tool_complete", "tool_error", "tool_execution",
  "task_started", "task_completed", "workflow_completed", "workflow_failed", "workflow_progress",
  "agent_started", "agent_progress", "agent_completed", "thinking_status",
  "research_plan", "research_results", "research_completed",
  "error_occurred", "error_event", "error_update", "stream_error", "stream_complete", "debug",
  "typing_indicator", "presence", "started", "stdout", "stderr", "output", "notification", "system_notification", "status",
];

export class Feed {
  // onEvent(message), onState(state, text): "connecting", "live" or "closed".
  constructor({ onEvent, onState }) {
    this.onEvent = onEvent;
    this.onState = onState;
    this.source = null;
  }

  url(streams, from) {
    const query = streams.map((name) => `stream=${encodeURIComponent(name)}`);
    if (from) query.push(`from=${encodeURIComponent(from)}`);
    return `/events?${query.join("&")}`;
  }

  open(streams, from, types) {
    this.close();
    this.attempt = 0;
    this.resumed = 0;
    const url = this.url(streams, from);
    const source = new EventSource(url);
    this.source = source;
    this.onState("connecting", "connecting");
    source.onopen = (event) => {
      // As below: an event may be named "open".
      if (event.data !== undefined) return this.onEvent(event);
      if (this.attempt > 0) this.resumed++;
      this.attempt = 0;
      const times = this.resumed === 1 ? "once" : `${this.resumed} times`;
      return this.onState("live", this.resumed === 0 ? "live" : `live, resumed ${times}`);
    };
    source.onerror = (event) => {
      // An event that is named "error" arrives here too; only that has data.
      if (event.data !== undefined) {
        this.onEvent(event);
      } else if (source.readyState === EventSource.CLOSED) {
        this.onState("closed", "closed");
        void this.explain(url);
      } else {
        this.attempt++;
        this.onState("connecting", `connection lost, attempt ${this.attempt}`);
      }
    };
    for (const type of new Set([...KNOWN_TYPES, ...types])) {
      if (type !== "error" && type !== "open") source.addEventListener(type, (event) => this.onEvent(event));
    }
  }

  // EventSource does not say why it was refused: ask once more, only for the answer's status.
  async explain(url) {
    const source = this.source;
    const abort = new AbortController();
    let text = "the broker ended the stream";
    try {
      const answer = await fetch(url, { headers: { Accept: "text/event-stream" }, signal: abort.signal });
      if (!answer.ok) {
        const problem = await answer.json().catch(() => ({}));
        text = problem.detail || problem.title || `the broker answers ${answer.status}`;
      }
    } catch {
      text = "the broker cannot be reached";
    }
    abort.abort();
    if (this.source === source) this.onState("closed", `closed: ${text}`);
  }

  close() {
    this.source?.close();
    this.source = null;
  }
}
