#include "fake_log.h"

static void fill(uint32_t *value, uint32_t usual)
{
    *value = *value != 0 ? *value : usual;
}

void fake_fill_terms(struct terms *terms)
{
    references_begin(&terms->references);
    fill(&terms->connections_max, 512);
    fill(&terms->connection_streams_max, CONNECTION_STREAMS_MAX);
    fill(&terms->header_bytes_max, REQUEST_HEADER_BYTES_MAX);
    fill(&terms->request_bytes_max, 8 << 20);
    fill(&terms->event_bytes_max, EVENT_BYTES_MAX);
    fill(&terms->body_timeout_ms, 5000);
    fill(&terms->request_timeout_ms, 5000);
    fill(&terms->heartbeat_ms, 60000);
    terms->heartbeat_ms = terms->heartbeat_ms == FAKE_NO_HEARTBEAT ? 0 : terms->heartbeat_ms;
    terms->retry_ms = 5000;
    terms->cold_bytes_max = terms->cold_bytes_max != 0 ? terms->cold_bytes_max : 1 << 20;
    if (terms->keyring == NULL) {
        terms->access.anonymous = ACCESS_ANONYMOUS_ALL;
    }
}
