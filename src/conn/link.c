#include "conn/link.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/logger.h"
#include "conn/flow.h"
#include "conn/slowest.h"
#include "io/direct.h"
#include "io/tcp_info.h"

enum {
    // In one go, each with three short system calls: then others have their turn.
    LOOKS_MAX = 256,
    PLACES_MAX = 16384, // of the table, mostly free
    GO_MS_MIN = 2 * WHEEL_TICK_MS,
    GOES_MIN = 8, // in an interval
};

static uint64_t places_of(const struct shard *shard)
{
    uint64_t places = 0;
    for (uint32_t i = 0; i < shard->ring_count; i++) {
        places += shard->rings[i].capacity;
    }
    return places;
}

static struct conn *conn_at_place(const struct shard *shard, uint64_t place)
{
    uint32_t ring = 0;
    while (place >= shard->rings[ring].capacity) {
        place -= shard->rings[ring++].capacity;
    }
    return &shard->rings[ring].conns[place];
}

const struct conn_link *conn_link_of(const struct shard *shard, const struct conn *conn)
{
    const struct conn_link *link = &shard->rings[conn->ring].links[conn_slot(shard, conn)];
    return shard->terms->link_interval_ms > 0 && link->generation == conn->generation ? link : NULL;
}

// --- one connection ---

static uint32_t sum_sequences(const struct shard *shard, const struct conn *conn)
{
    uint32_t sequences = 0;
    for (uint32_t i = 0; i < conn->stream_count; i++) {
        sequences +=
            (uint32_t)stream_table_at(&shard->streams, conn->streams[i].stream)->last_sequence;
    }
    return sequences;
}

void conn_link_recount(struct shard *shard, const struct conn *conn)
{
    struct conn_link *link = &shard->rings[conn->ring].links[conn_slot(shard, conn)];
    link->sequences = sum_sequences(shard, conn);
    link->looked_ms = (uint32_t)shard->now_ms;
}

// How many events its streams had since it was last looked at. No counter in the way of events is
// needed for that.
static void take_event_rate(const struct shard *shard, const struct conn *conn,
                            struct conn_link *link, bool is_first)
{
    uint32_t sequences = sum_sequences(shard, conn);
    uint64_t events = sequences - link->sequences;
    uint64_t elapsed_ms = (uint32_t)shard->now_ms - link->looked_ms;
    if (is_first || elapsed_ms == 0) {
        link->event_rate = RULE_RATE_UNKNOWN;
    } else {
        uint64_t rate = events * 1000 * 1000 / elapsed_ms;
        link->event_rate = rate < RULE_RATE_UNKNOWN ? (uint32_t)rate : RULE_RATE_UNKNOWN - 1;
    }
    link->sequences = sequences;
    link->looked_ms = (uint32_t)shard->now_ms;
}

// Whether it asks for more than a compression, which alone is worth no flow control.
static bool holds_events(const struct quality *quality)
{
    struct quality rest = *quality;
    rest.compression = 0;
    return !quality_is_plain(&rest);
}

static enum subscribe_client client_of(const struct conn_flow *flow)
{
    return flow == NULL ? SUBSCRIBE_CLIENT_NONE : (enum subscribe_client)flow->chosen.profile;
}

// Makes its quality anew, with the rules that match.
static void adapt(struct shard *shard, struct conn *conn, uint32_t matched)
{
    static const struct quality nothing_chosen;
    const struct conn_flow *flow = conn_flow_of(shard, conn);
    const struct quality *chosen = flow == NULL ? &nothing_chosen : &flow->chosen;
    bool may_hold = shard->terms->rules_hold_all || client_of(flow) != SUBSCRIBE_CLIENT_NONE;
    struct quality quality;
    rules_apply(&shard->terms->rules, matched, may_hold, chosen, &shard->terms->quality, &quality);
    if (quality_is_plain(chosen) && !holds_events(&quality)) {
        quality = *chosen;
    }
    bool needs_flow = flow != NULL || !quality_is_plain(&quality);
    if (!needs_flow || conn_flow_open(shard, conn) == NULL) {
        return;
    }
    conn_flow_set_quality(shard, conn, &quality);
    slowest_note_conn(shard, conn); // with a rate it may count no more
    // It may wait for a time that the old quality named.
    conn_set_parked(shard, conn, false);
    conn_make_ready(shard, conn);
}

static uint32_t matching(const struct shard *shard, const struct conn *conn,
                         const struct conn_link *link)
{
    const struct rule_subject subject = {.link = &link->link,
                                         .event_rate = link->event_rate,
                                         .client = client_of(conn_flow_of(shard, conn))};
    return rules_match(&shard->terms->rules, &subject);
}

void conn_link_revise(struct shard *shard, struct conn *conn)
{
    struct conn_link *link = &shard->rings[conn->ring].links[conn_slot(shard, conn)];
    bool is_known = conn_link_of(shard, conn) != NULL;
    uint32_t matched = is_known ? matching(shard, conn, link) : 0;
    link->matched = matched;
    adapt(shard, conn, matched);
    if (conn_is_clear(shard, conn)) {
        conn_flow_trim(shard, conn);
    }
}

static void take_look(struct shard *shard, struct conn *conn, const struct tcp_reading *reading)
{
    struct conn_link *link = &shard->rings[conn->ring].links[conn_slot(shard, conn)];
    bool is_first = link->generation != conn->generation;
    if (is_first) {
        *link = (struct conn_link){.generation = conn->generation};
    }
    if (reading != NULL) {
        shard->stats.links_read++;
        link_take(&link->link, reading);
    }
    take_event_rate(shard, conn, link, is_first);
    uint32_t matched = matching(shard, conn, link);
    if (matched != link->matched) {
        link->matched = matched;
        shard->stats.adaptations++;
        adapt(shard, conn, matched);
    }
    if (conn_is_clear(shard, conn)) { // what is under way is settled by what it began with
        conn_flow_trim(shard, conn);
    }
}

static void on_installed(void *context, struct loop *loop, unsigned ring, uint64_t user_data,
                         int32_t result, uint32_t cqe_flags)
{
    (void)loop;
    (void)cqe_flags;
    struct shard *shard = context;
    struct conn *conn = &shard->rings[ring].conns[loop_tag_slot(user_data)];
    ASSERT(conn->generation == loop_tag_generation(user_data));
    conn->ops &= (uint8_t)~CONN_OP_INSTALL;
    struct tcp_reading reading;
    int error = result < 0 ? result : tcp_info_read(result, &reading);
    if (result >= 0) {
        (void)close(result);
    }
    if (error != 0) {
        LOGGER_EVERY(60 * 1000, LOGGER_WARN, "worker", "cannot look at a connection's path: %s",
                     strerrordesc_np(-error));
    }
    if (conn->state == CONN_CLOSING) {
        conn_proceed_close(shard, conn);
    } else if (conn->state == CONN_ACTIVE) {
        take_look(shard, conn, error == 0 ? &reading : NULL);
    }
}

// --- all of them ---

static void look_at(struct shard *shard, struct conn *conn)
{
    bool is_unix = (conn_listener_of(shard, conn)->flags & SHARD_LISTENER_UNIX) != 0;
    if (is_unix || !loop_has(shard->loop, LOOP_FEATURE_FIXED_FD_INSTALL)) {
        take_look(shard, conn, NULL);
    } else if ((conn->ops & CONN_OP_INSTALL) == 0) {
        conn->ops |= CONN_OP_INSTALL;
        io_prep_install_direct(conn_sqe(shard, conn), (int)conn_slot(shard, conn),
                               conn_tag(shard, conn, SHARD_OP_INSTALL));
    }
}

// Often where there are many connections, so that few are looked at in one go.
static void arm(struct shard *shard, bool has_more)
{
    uint64_t interval_ms = shard->terms->link_interval_ms;
    uint64_t delay_ms = interval_ms / (shard->conn_count > GOES_MIN ? shard->conn_count : GOES_MIN);
    delay_ms = has_more || delay_ms < GO_MS_MIN ? GO_MS_MIN : delay_ms;
    loop_arm(shard->loop, &shard->link_timer, delay_ms);
}

static void on_timer(void *context, struct loop *loop, struct wheel_timer *timer)
{
    (void)timer;
    struct shard *shard = context;
    uint64_t place = 0;
    uint64_t due = sweep_due(&shard->link_sweep, shard->terms->link_interval_ms, places_of(shard),
                             loop_now_ms(loop), &place);
    uint64_t done = 0;
    for (uint32_t looks = 0; done < due && done < PLACES_MAX && looks < LOOKS_MAX; done++) {
        struct conn *conn = conn_at_place(shard, place + done);
        if (conn->state == CONN_ACTIVE) {
            if (loop_sqe_room(loop, conn->ring) == 0) {
                break;
            }
            look_at(shard, conn);
            looks++;
        }
    }
    sweep_advance(&shard->link_sweep, done);
    arm(shard, done < due);
}

void conn_link_restart(struct shard *shard)
{
    wheel_cancel(&shard->loop->wheel, &shard->link_timer);
    if (shard->terms->link_interval_ms == 0) {
        return;
    }
    if (!loop_has(shard->loop, LOOP_FEATURE_FIXED_FD_INSTALL) && shard->options.worker == 0) {
        LOG_INFO("worker", "how good subscribers' paths are stays unknown: that needs Linux 6.8");
    }
    shard->link_sweep = (struct sweep){.began_ms = loop_now_ms(shard->loop)};
    arm(shard, false);
}

void conn_link_start(struct shard *shard)
{
    loop_set_handler(shard->loop, SHARD_OP_INSTALL, on_installed, shard);
    loop_set_timer_handler(shard->loop, SHARD_TIMER_LINK, on_timer, shard);
    shard->link_timer.tag = loop_timer_tag(SHARD_TIMER_LINK, 0);
    conn_link_restart(shard);
}
