#include "base/text.h"
#include "cli/log_survey.h"
#include "cli/log_tool.h"
#include "cli/terminal.h"

static void on_fault(void *context, const struct recovery_fault *fault)
{
    FILE *out = context;
    bool is_note = fault->kind == RECOVERY_TORN;
    terminal_write_styled(out, terminal_has_colour(out), is_note ? STYLE_YELLOW : STYLE_RED,
                          slice_of(is_note ? "note  " : "fault "));
    (void)fprintf(out, "%s+%llu: %s\n", fault->file, (unsigned long long)fault->offset,
                  fault->text);
}

static void on_segment(void *context, struct log_survey *survey,
                       const struct recovery_segment *segment)
{
    (void)context;
    if (segment->index_offset != 0) {
        (void)log_survey_compare_index(survey, segment);
    }
}

static void print_summary(const struct log_survey *survey, FILE *out)
{
    const struct recovery *recovery = &survey->recovery;
    const struct survey_counts *counts = &survey->counts;
    char bytes[TERMINAL_NUMBER_SIZE];
    terminal_format_bytes(counts->frame_bytes, bytes);
    (void)fprintf(out, "segments   %zu of %llu bytes, %llu with an index\n",
                  recovery->segment_count, (unsigned long long)recovery->segment_bytes,
                  (unsigned long long)counts->indexes);
    (void)fprintf(out, "blocks     %llu\n", (unsigned long long)recovery->block_count);
    (void)fprintf(out, "events     %llu in %zu streams, %s of frames\n",
                  (unsigned long long)counts->events, survey->streams.count, bytes);
    if (counts->first_id != 0) {
        char time[TEXT_RFC3339_BYTES];
        (void)text_format_rfc3339(recovery->last_time_ms, time);
        (void)fprintf(out, "ids        %llu to %llu, the last of %s\n",
                      (unsigned long long)counts->first_id, (unsigned long long)recovery->last_id,
                      time);
    }
    (void)fprintf(out, "meta       %s\n",
                  !recovery->has_meta    ? "none"
                  : recovery->meta.clean ? "stopped in good order"
                                         : "running, or was not stopped in good order");
    if (recovery->has_checkpoint) {
        char time[TEXT_RFC3339_BYTES];
        (void)text_format_rfc3339(recovery->checkpoint.head.created_ms, time);
        (void)fprintf(out, "checkpoint %llu streams, %llu producers, of %s\n",
                      (unsigned long long)recovery->checkpoint.stream_count,
                      (unsigned long long)recovery->checkpoint.producer_count, time);
    } else {
        (void)fprintf(out, "checkpoint none\n");
    }
}

int log_verify(struct disk *disk, bool is_quiet, FILE *out)
{
    struct log_survey survey;
    char message[LOG_TOOL_MESSAGE_SIZE];
    if (log_survey_make(&survey, disk, out, on_fault, on_segment, message, sizeof(message)) != 0) {
        (void)fprintf(stderr, "ringcast: %s\n", message);
        return 1;
    }
    (void)log_survey_judge_missing(&survey);
    (void)log_survey_compare_checkpoint(&survey);
    if (!is_quiet) {
        print_summary(&survey, out);
    }
    uint64_t faults = survey.faults;
    if (faults > 0) {
        (void)fprintf(out, "%llu %s\n", (unsigned long long)faults,
                      faults == 1 ? "fault" : "faults");
    } else if (!is_quiet) {
        (void)fprintf(out, "no faults\n");
    }
    log_survey_free(&survey);
    return faults > 0 || ferror(out) != 0 ? 1 : 0;
}
