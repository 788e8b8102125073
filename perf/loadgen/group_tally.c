#include "group_tally.h"

#include "figures.h"

#include <inttypes.h>

static const char *const NAMES[GROUPS] = {"healthy", "stalled", "throttled"};

void group_tally_add(struct group_tally *tally, const struct subscriber_ledger *ledger,
                     const struct subscriber_mark *mark)
{
    findings_merge(&tally->findings, &ledger->findings);
    histogram_merge(&tally->latency, &ledger->latency);
    subscriber_mark_merge(&tally->mark, mark);
}

void group_tally_add_subscriber(struct group_tally *tally, const struct subscriber *subscriber,
                                uint64_t published)
{
    bool has_last = subscriber->number_next > published;
    bool is_cut = subscriber->state == SUBSCRIBER_FAILED;
    tally->subscribers++;
    tally->published += published;
    tally->complete += has_last && !subscriber->has_lost;
    tally->told_gap += subscriber->was_told_gap;
    tally->cut += is_cut;
    tally->cut_told += is_cut && subscriber->was_told_to_leave;
    tally->behind += !has_last && !is_cut;
    tally->told_too_many += has_last ? subscriber->may_miss : 0;
}

static uint64_t missing_untold(const struct group_tally *tally)
{
    return tally->findings.lost - tally->findings.lost_told;
}

bool group_tally_is_good(const struct group_tally *tally)
{
    return missing_untold(tally) == 0 && tally->told_too_many == 0 &&
           tally->findings.repeated == 0 && tally->cut == tally->cut_told;
}

static void print_what(const struct group_tally *tally, const struct options *options, FILE *out)
{
    (void)fprintf(out, "%-11s %" PRIu64 " subscribers ", NAMES[tally->group], tally->subscribers);
    if (tally->group == GROUP_THROTTLED) {
        (void)fprintf(out, "asked for %s", options->throttled_query);
    } else if (options->slow_rate > 0) {
        (void)fprintf(out, "read %u bytes/s", options->slow_rate);
    } else {
        (void)fprintf(out, "did not read");
    }
}

void group_tally_print(const struct group_tally *tally, const struct options *options, FILE *out)
{
    if (tally->subscribers == 0) {
        return;
    }
    const struct findings *findings = &tally->findings;
    print_what(tally, options, out);
    (void)fprintf(
        out, ": had come to %.1f %% of their events at the end (%" PRIu64 " to %" PRIu64 " each)\n",
        figures_percent(tally->mark.events, tally->published), tally->mark.least, tally->mark.most);
    if (tally->group == GROUP_THROTTLED) {
        (void)fprintf(out, "            latency ");
        histogram_print(&tally->latency, out);
        (void)fprintf(out, "\n");
    }
    (void)fprintf(out,
                  "            %s %.1f %%: %" PRIu64 " had all, %" PRIu64
                  " were told of a gap, %" PRIu64 " were cut off (%" PRIu64 " told so), %" PRIu64
                  " did not reach the last\n",
                  tally->group == GROUP_STALLED ? "when they had read on, they had"
                                                : "a little later, they had",
                  figures_percent(findings->events, tally->published), tally->complete,
                  tally->told_gap, tally->cut, tally->cut_told, tally->behind);
    (void)fprintf(out,
                  "            %" PRIu64 " gaps told of %" PRIu64 " events; missing: %" PRIu64
                  " told of, %" PRIu64 " without a word",
                  findings->gaps, findings->told, findings->lost_told, missing_untold(tally));
    if (tally->told_too_many > 0) {
        (void)fprintf(out, "; told of and not missing: %" PRIu64, tally->told_too_many);
    }
    (void)fprintf(out, "\n");
}

void group_tally_write(const struct group_tally *tally, const struct options *options,
                       struct json_writer *writer)
{
    const struct findings *findings = &tally->findings;
    json_write_key(writer, NAMES[tally->group]);
    json_write_object_open(writer);
    json_write_member_u64(writer, "subscribers", tally->subscribers);
    if (tally->group == GROUP_STALLED) {
        json_write_member_u64(writer, "bytes_per_s", options->slow_rate);
    }
    json_write_member_u64(writer, "published", tally->published);
    json_write_member_u64(writer, "events_at_end", tally->mark.events);
    json_write_member_u64(writer, "events_at_end_least", tally->mark.least);
    json_write_member_u64(writer, "events_at_end_most", tally->mark.most);
    json_write_member_u64(writer, "events_read_on", findings->events);
    json_write_member_u64(writer, "complete", tally->complete);
    json_write_member_u64(writer, "told_gap", tally->told_gap);
    json_write_member_u64(writer, "cut", tally->cut);
    json_write_member_u64(writer, "cut_told", tally->cut_told);
    json_write_member_u64(writer, "behind", tally->behind);
    json_write_member_u64(writer, "gaps", findings->gaps);
    json_write_member_u64(writer, "told", findings->told);
    json_write_member_u64(writer, "told_too_many", tally->told_too_many);
    json_write_member_u64(writer, "missing_told", findings->lost_told);
    json_write_member_u64(writer, "missing_untold", missing_untold(tally));
    json_write_object_close(writer);
}
