#include "app/paths.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Test(paths, parents_are_made)
{
    char root[] = "/tmp/ringcast-paths-XXXXXX";
    char path[PATHS_SIZE];
    struct stat status;
    cr_assert_not_null(mkdtemp(root));
    (void)snprintf(path, sizeof(path), "%s/a/b/file", root);
    cr_assert_eq(paths_make_parents(path, 0700), 0);
    cr_assert_eq(paths_make_parents(path, 0700), 0, "those that are there are no fault");
    cr_assert_neq(stat(path, &status), 0, "the last part is left alone");
    (void)snprintf(path, sizeof(path), "%s/a/b", root);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0700);
    cr_assert_eq(rmdir(path), 0);
    (void)snprintf(path, sizeof(path), "%s/a", root);
    cr_assert_eq(rmdir(path), 0);
    cr_assert_eq(rmdir(root), 0);
    cr_assert_eq(paths_make_parents("file", 0700), 0);
    cr_assert_eq(paths_make_parents("/dev/null/x/y", 0700), -ENOTDIR);
}

Test(paths, the_socket_is_found_by_its_variable)
{
    char path[PATHS_SIZE];
    (void)setenv("RINGCAST_SOCKET", "/somewhere/else.sock", 1);
    paths_find_socket(path);
    cr_assert_str_eq(path, "/somewhere/else.sock");
    paths_default_socket(path);
    cr_assert_str_neq(path, "/somewhere/else.sock");
    cr_assert_eq(path[0], '/');
}

Test(paths, a_service_has_its_directories_from_the_manager)
{
    char path[PATHS_SIZE];
    (void)setenv("RUNTIME_DIRECTORY", "/run/one:/run/two", 1);
    (void)setenv("STATE_DIRECTORY", "/var/lib/one", 1);
    paths_default_socket(path);
    cr_assert_str_eq(path, "/run/one/ringcast.sock");
    paths_default_data(path);
    cr_assert_str_eq(path, "/var/lib/one");
    (void)setenv("STATE_DIRECTORY", "relative", 1);
    paths_default_data(path);
    cr_assert_str_neq(path, "relative");
}
