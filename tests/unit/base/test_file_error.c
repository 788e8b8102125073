#include "base/file_error.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char text[FILE_ERROR_SIZE];

Test(file_error, is_what_the_system_says)
{
    cr_assert_str_eq(file_error(ENOENT, text), "No such file or directory");
    cr_assert_str_eq(file_error(9999, text), "unknown error");
    cr_assert_str_eq(file_error(EROFS, text),
                     "Read-only file system; a systemd unit opens it with ReadWritePaths=");
}

Test(file_error, says_as_whom_it_was_denied)
{
    if (geteuid() == 0) {
        cr_assert_str_eq(file_error(EACCES, text), "Permission denied, as user root");
        cr_assert_eq(seteuid(4000000000), 0);
        cr_assert_str_eq(file_error(EACCES, text), "Permission denied, as user 4000000000");
    } else {
        cr_assert_eq(strncmp(file_error(EACCES, text), "Permission denied, as user ", 27), 0);
    }
}
