#include "stalled_tally.h"

#include <inttypes.h>

void stalled_tally_add(struct stalled_tally *tally, const struct stalled *stalled)
{
    const struct findings *findings = &stalled->ledger.findings;
    if (stalled->count == 0) {
        return;
    }
    tally->rate = stalled->rate;
    tally->events += findings->events;
    tally->missing_told += findings->lost_told;
    tally->missing_untold += findings->lost - findings->lost_told;
    tally->events_before += stalled->events_before;
    if (stalled->events_before_most > tally->events_before_most) {
        tally->events_before_most = stalled->events_before_most;
    }
    if (tally->subscribers == 0 || stalled->events_before_least < tally->events_before_least) {
        tally->events_before_least = stalled->events_before_least;
    }
}

void stalled_tally_add_subscriber(struct stalled_tally *tally, const struct subscriber *subscriber,
                                  uint64_t published)
{
    bool has_last = subscriber->number_next > published;
    bool is_cut = subscriber->state == SUBSCRIBER_FAILED;
    tally->subscribers++;
    tally->published += published;
    tally->complete += has_last && !subscriber->has_lost;
    tally->told_gap += subscriber->was_told_gap;
    tally->cut += is_cut;
    tally->behind += !has_last && !is_cut;
}

void stalled_tally_print(const struct stalled_tally *tally, FILE *out)
{
    if (tally->subscribers == 0) {
        return;
    }
    (void)fprintf(out, "stalled     %" PRIu64 " subscribers ", tally->subscribers);
    if (tally->rate > 0) {
        (void)fprintf(out, "read %u bytes/s", tally->rate);
    } else {
        (void)fprintf(out, "did not read");
    }
    double all = tally->published > 0 ? (double)tally->published : 1;
    (void)fprintf(out,
                  ": had %.1f %% of their events at the end (%" PRIu64 " to %" PRIu64 " each)\n",
                  100.0 * (double)tally->events_before / all, tally->events_before_least,
                  tally->events_before_most);
    (void)fprintf(out,
                  "            when they read on, they had %.1f %%: %" PRIu64 " had all, %" PRIu64
                  " were told of a gap, %" PRIu64 " were cut off, %" PRIu64
                  " did not reach the last; missing: %" PRIu64 " told of, %" PRIu64
                  " without a word\n",
                  100.0 * (double)tally->events / all, tally->complete, tally->told_gap, tally->cut,
                  tally->behind, tally->missing_told, tally->missing_untold);
}

void stalled_tally_write(const struct stalled_tally *tally, struct json_writer *writer)
{
    json_write_key(writer, "stalled");
    json_write_object_open(writer);
    json_write_member_u64(writer, "subscribers", tally->subscribers);
    json_write_member_u64(writer, "bytes_per_s", tally->rate);
    json_write_member_u64(writer, "published", tally->published);
    json_write_member_u64(writer, "events_at_end", tally->events_before);
    json_write_member_u64(writer, "events_at_end_least", tally->events_before_least);
    json_write_member_u64(writer, "events_at_end_most", tally->events_before_most);
    json_write_member_u64(writer, "events_read_on", tally->events);
    json_write_member_u64(writer, "complete", tally->complete);
    json_write_member_u64(writer, "told_gap", tally->told_gap);
    json_write_member_u64(writer, "cut", tally->cut);
    json_write_member_u64(writer, "behind", tally->behind);
    json_write_member_u64(writer, "missing_told", tally->missing_told);
    json_write_member_u64(writer, "missing_untold", tally->missing_untold);
    json_write_object_close(writer);
}
