// link: tests/unit/base/scratch.c
#include "conn/access_file.h"

#include "base/bytes.h"
#include "unit/base/scratch.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = SCRATCH_PATH_SIZE + 16, MESSAGE_SIZE = 512 };

static char directory[SCRATCH_PATH_SIZE];
static char path[PATH_SIZE];
static char message[MESSAGE_SIZE];

static void begin(void)
{
    scratch_make(directory);
    (void)snprintf(path, sizeof(path), "%s/access.log", directory);
}

static void end(void)
{
    scratch_remove(directory);
}

TestSuite(access_file, .init = begin, .fini = end);

static struct access_file *opened(const char *where)
{
    struct access_file *file;
    cr_assert(access_file_open(where, &file, message, sizeof(message)), "%s", message);
    return file;
}

Test(access_file, off_is_none)
{
    cr_assert_null(opened("off"));
    cr_assert_null(access_file_hold(NULL));
    access_file_release(NULL);
}

Test(access_file, appends_to_a_file)
{
    for (int life = 0; life < 2; life++) {
        struct access_file *file = opened(path);
        cr_assert_not(file->is_stderr);
        cr_assert_eq(write(file->fd, "line\n", 5), 5);
        cr_assert_eq(access_file_hold(file), file);
        access_file_release(file);
        cr_assert_eq(fcntl(file->fd, F_GETFL) & (O_APPEND | O_NONBLOCK), O_APPEND);
        access_file_release(file);
    }
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_size, 10);
    cr_assert_eq(status.st_mode & 07, 0, "not for everybody");
}

Test(access_file, is_standard_error)
{
    struct access_file *file = opened("stderr");
    cr_assert(file->is_stderr);
    cr_assert_neq(file->fd, STDERR_FILENO);
    access_file_release(file);
    cr_assert_neq(fcntl(STDERR_FILENO, F_GETFD), -1);
}

static void check_refused(const char *where, const char *why)
{
    struct access_file *file;
    cr_assert_not(access_file_open(where, &file, message, sizeof(message)));
    cr_assert_null(file);
    cr_assert(memmem(message, strlen(message), why, strlen(why)) != NULL, "%s", message);
    cr_assert(memmem(message, strlen(message), where, strlen(where)) != NULL, "%s", message);
}

Test(access_file, says_what_cannot_be_opened)
{
    check_refused("/nowhere/access.log", "No such file or directory");
    check_refused(directory, "Is a directory");
    // A pipe without a reader would wait for one.
    cr_assert_eq(mkfifo(path, 0600), 0);
    check_refused(path, "No such device or address");
}
