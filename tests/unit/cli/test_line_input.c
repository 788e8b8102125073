#include "cli/line_input.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int pipe_of(struct slice bytes, int *write_end)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], bytes.at, bytes.length), (ssize_t)bytes.length);
    *write_end = ends[1];
    return ends[0];
}

static void expect_line(struct line_input *input, const char *text)
{
    struct slice line;
    cr_assert_eq(line_input_next(input, &line), LINE_INPUT_LINE);
    cr_expect(slice_equal_text(line, text), SLICE_FORMAT, SLICE_ARGUMENTS(line));
}

Test(line_input, cut_at_every_byte)
{
    static const char text[] = "one\n\nthree\nlast";
    for (size_t cut = 0; cut < sizeof text; cut++) {
        int write_end;
        int fd = pipe_of(slice_from(text, cut), &write_end);
        struct line_input input;
        line_input_init(&input, fd, 100);
        struct slice line;
        const char *expected[] = {"one", "", "three"};
        int found = 0;
        if (cut > 0) {
            cr_assert_eq(line_input_fill(&input), (ssize_t)cut);
        }
        enum line_input_found what;
        while ((what = line_input_next(&input, &line)) == LINE_INPUT_LINE) {
            cr_assert(slice_equal_text(line, expected[found++]));
        }
        cr_assert_eq(what, LINE_INPUT_EMPTY);
        size_t rest = sizeof text - 1 - (cut < sizeof text - 1 ? cut : sizeof text - 1);
        cr_assert_eq(write(write_end, text + sizeof text - 1 - rest, rest), (ssize_t)rest);
        close(write_end);
        cr_assert_geq(line_input_fill(&input), 0);
        while (found < 3) {
            expect_line(&input, expected[found++]);
        }
        if (!input.is_ended) {
            cr_assert_eq(line_input_next(&input, &line), LINE_INPUT_EMPTY);
            cr_assert_eq(line_input_fill(&input), 0);
        }
        expect_line(&input, "last");
        cr_assert_eq(line_input_next(&input, &line), LINE_INPUT_END);
        cr_expect_eq(input.number, 4);
        line_input_free(&input);
        close(fd);
    }
}

Test(line_input, long_lines_are_passed_over)
{
    char path[] = "/tmp/line_inputXXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    unlink(path);
    char *long_line = malloc(1 << 20);
    memset(long_line, 'x', 1 << 20);
    cr_assert_eq(write(fd, "a\n", 2), 2);
    cr_assert_eq(write(fd, long_line, 1 << 20), 1 << 20);
    cr_assert_eq(write(fd, "\nb\nxxxxxxxxxxxxxxxxx\nc\n", 23), 23);
    cr_assert_eq(write(fd, long_line, 1000), 1000);
    free(long_line);
    lseek(fd, 0, SEEK_SET);
    struct line_input input;
    struct slice line;
    line_input_init(&input, fd, 10);
    const struct {
        enum line_input_found found;
        const char *text;
    } expected[] = {
        {LINE_INPUT_LINE, "a"},      {LINE_INPUT_TOO_LONG, NULL}, {LINE_INPUT_LINE, "b"},
        {LINE_INPUT_TOO_LONG, NULL}, {LINE_INPUT_LINE, "c"},      {LINE_INPUT_TOO_LONG, NULL},
        {LINE_INPUT_END, NULL},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        enum line_input_found found;
        while ((found = line_input_next(&input, &line)) == LINE_INPUT_EMPTY) {
            cr_assert_geq(line_input_fill(&input), 0);
        }
        cr_assert_eq(found, expected[i].found, "%zu", i);
        if (expected[i].text != NULL) {
            cr_expect(slice_equal_text(line, expected[i].text));
        }
    }
    cr_expect_eq(input.number, 6);
    line_input_free(&input);
    close(fd);
}

Test(line_input, failures)
{
    struct line_input input;
    line_input_init(&input, -1, 10);
    cr_expect_eq(line_input_fill(&input), -EBADF);
    line_input_free(&input);
}
