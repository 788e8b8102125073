#include "io/appender.h"

#include "unit/io/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { OP_WRITE = 10, TEXT_SIZE = 4 * APPENDER_BUFFER_BYTES };

static struct loop *loop;
static struct appender appender;
static char text[TEXT_SIZE];

static void begin(void)
{
    static const struct loop_config config = {.sq_entries = 8};
    (void)signal(SIGPIPE, SIG_IGN); // as the broker
    loop = fixture_loop_open(&config);
    appender_init(&appender, loop, OP_WRITE);
}

static void end(void)
{
    fixture_loop_close(loop);
    appender_free(&appender);
}

TestSuite(appender, .init = begin, .fini = end, .timeout = 60);

static bool add(const char *line)
{
    uint8_t *at = appender_reserve(&appender);
    if (at == NULL) {
        return false;
    }
    memcpy(at, line, strlen(line));
    appender_commit(&appender, strlen(line));
    return true;
}

static void settle(void)
{
    appender_flush(&appender);
    FIXTURE_ROUNDS_UNTIL(loop, appender_is_idle(&appender) && !appender.is_changing);
}

static int open_file(void)
{
    char path[] = "/tmp/ringcast-appender-XXXXXX";
    int fd = mkostemp(path, O_APPEND | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(unlink(path), 0);
    return fd;
}

// What a file holds, by a descriptor of the test's own.
static const char *read_file(int fd)
{
    ssize_t length = pread(fd, text, sizeof(text) - 1, 0);
    cr_assert_geq(length, 0);
    text[length] = '\0';
    return text;
}

Test(appender, is_off_at_first)
{
    cr_assert_not(appender_is_on(&appender));
    cr_assert(appender_is_idle(&appender));
    appender_flush(&appender);
    cr_assert(appender_set(&appender, -1));
    cr_assert_not(appender_is_on(&appender));
}

Test(appender, writes_lines_in_order)
{
    int fd = open_file();
    cr_assert(appender_set(&appender, dup(fd)));
    cr_assert(appender_is_on(&appender));
    cr_assert(add("one\n"));
    cr_assert(add("two\n"));
    cr_assert_not(appender_is_idle(&appender));
    settle();
    cr_assert_str_eq(read_file(fd), "one\ntwo\n");
    cr_assert(add("three\n"));
    appender_flush(&appender);
    cr_assert(add("four\n")); // while that is written
    settle();
    cr_assert_str_eq(read_file(fd), "one\ntwo\nthree\nfour\n");
    cr_assert_eq(appender.lines_dropped, 0);
    close(fd);
}

Test(appender, changes_files_between_lines)
{
    int first = open_file();
    int second = open_file();
    cr_assert(appender_set(&appender, dup(first)));
    cr_assert(add("first\n"));
    appender_flush(&appender);
    cr_assert(appender_set(&appender, dup(second))); // while it is written
    cr_assert(appender_set(&appender, dup(second))); // and again
    cr_assert(add("second\n"));
    settle();
    cr_assert_str_eq(read_file(first), "first\n");
    cr_assert_str_eq(read_file(second), "second\n");
    cr_assert(add("last\n"));
    cr_assert(appender_set(&appender, -1));
    cr_assert_not(appender_is_on(&appender));
    settle();
    cr_assert_str_eq(read_file(second), "second\nlast\n");
    cr_assert_eq(appender.fd, -1);
    cr_assert(appender_set(&appender, dup(first)));
    cr_assert(add("on again\n"));
    settle();
    cr_assert_str_eq(read_file(first), "first\non again\n");
    close(first);
    close(second);
}

// A line of `length` bytes.
static const char *line_of(size_t length, char letter)
{
    static char line[APPENDER_LINE_BYTES_MAX + 1];
    memset(line, letter, length - 1);
    line[length - 1] = '\n';
    line[length] = '\0';
    return line;
}

// Whoever reads a pipe may stop: what does not fit is dropped and counted, and what was taken comes
// whole.
Test(appender, drops_lines_rather_than_wait)
{
    int ends[2];
    size_t taken = 0;
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert(appender_set(&appender, ends[1]));
    cr_assert_not(appender.is_regular);
    while (add(line_of(1000, 'x'))) {
        taken++;
        if (taken % 16 == 0) {
            appender_flush(&appender);
            loop_round(loop, 0);
        }
        cr_assert_leq(taken, 2000);
    }
    cr_assert_geq(taken, (APPENDER_BUFFER_BYTES - APPENDER_LINE_BYTES_MAX) / 1000);
    cr_assert_not(add(line_of(1000, 'y')));
    cr_assert_eq(appender.lines_dropped, 2);
    size_t got = 0;
    cr_assert_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    for (int rounds = 0; rounds < FIXTURE_ROUNDS_MAX && got < taken * 1000; rounds++) {
        loop_round(loop, FIXTURE_ROUND_NS);
        appender_flush(&appender);
        ssize_t length = read(ends[0], text + got, sizeof(text) - got);
        got += length > 0 ? (size_t)length : 0;
    }
    cr_assert_eq(got, taken * 1000);
    for (size_t i = 0; i < taken; i++) {
        cr_assert_eq(memcmp(text + i * 1000, line_of(1000, 'x'), 1000), 0);
    }
    cr_assert(add("again\n"));
    settle();
    cr_assert_eq(read(ends[0], text, sizeof(text)), 6);
    close(ends[0]);
}

// Each write to a pipe is of whole lines that the kernel takes as one.
Test(appender, writes_whole_lines_to_what_is_no_file)
{
    int ends[2];
    // Packets: each read is one write.
    cr_assert_eq(pipe2(ends, O_CLOEXEC | O_DIRECT), 0);
    cr_assert(appender_set(&appender, ends[1]));
    for (int i = 0; i < 9; i++) {
        cr_assert(add(line_of(1500, (char)('a' + i))));
    }
    cr_assert(add(line_of(APPENDER_LINE_BYTES_MAX, 'z')));
    settle();
    for (int i = 0; i < 9; i += 2) {
        size_t expected = i < 8 ? 3000 : 1500;
        cr_assert_eq(read(ends[0], text, sizeof(text)), (ssize_t)expected);
        cr_assert_eq(text[expected - 1], '\n');
    }
    cr_assert_eq(read(ends[0], text, sizeof(text)), APPENDER_LINE_BYTES_MAX);
    close(ends[0]);
}

Test(appender, counts_what_a_full_disk_takes)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert(appender_set(&appender, fd));
    cr_assert(add("one\n"));
    cr_assert(add("two\n"));
    settle();
    cr_assert_eq(appender.lines_dropped, 2);
    cr_assert_not(appender.is_torn);
}

// A file that may not grow takes half of a line: the next one does not go on in it.
Test(appender, begins_a_line_after_half_a_one)
{
    struct rlimit limit;
    struct rlimit small;
    int fd = open_file();
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    small = limit;
    small.rlim_cur = 6;
    cr_assert(appender_set(&appender, dup(fd)));
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    cr_assert(add("one\n"));
    cr_assert(add("two\n"));
    cr_assert(add("three\n"));
    settle();
    cr_assert(add("lost\n"));
    settle();
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(appender.lines_dropped, 3);
    cr_assert(add("four\n"));
    settle();
    cr_assert(add("five\n"));
    settle();
    cr_assert_str_eq(read_file(fd), "one\ntw\nfour\nfive\n");
    close(fd);
}

// What is under way when the loop goes is left to the kernel.
Test(appender, ends_at_any_time)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert(appender_set(&appender, ends[1]));
    while (add(line_of(APPENDER_LINE_BYTES_MAX, 'x'))) {
    }
    cr_assert(appender_set(&appender, dup(ends[1])));
    cr_assert_not(appender_is_idle(&appender));
    close(ends[0]);
}
