#include "app/privileges.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

// Each test is a process of its own, which may give up what it is.

static const char user[] = "nobody";

static bool is_root(void)
{
    return geteuid() == 0;
}

Test(privileges, without_a_user_nothing_changes)
{
    struct privileges privileges;
    char message[512];
    cr_assert(privileges_find(&privileges, NULL, message, sizeof(message)));
    cr_assert_not(privileges.is_wanted);
    uid_t before = geteuid();
    cr_assert(privileges_become(&privileges, message, sizeof(message)));
    cr_assert(privileges_finish(message, sizeof(message)));
    cr_assert_eq(geteuid(), before);
    cr_assert_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
}

Test(privileges, a_user_that_is_not_there_is_told)
{
    struct privileges privileges;
    char message[512];
    cr_assert_not(privileges_find(&privileges, "no-such-user", message, sizeof(message)));
    cr_assert_str_eq(message, "--user: there is no user 'no-such-user'");
}

Test(privileges, who_is_not_root_becomes_nobody_else)
{
    struct privileges privileges;
    char message[512];
    if (is_root()) {
        cr_assert_eq(setresuid(12345, 12345, 12345), 0);
    }
    cr_assert_not(privileges_find(&privileges, "root", message, sizeof(message)));
    cr_assert_not_null(strstr(message, "only root may become 'root'"));
}

Test(privileges, root_becomes_the_user_and_keeps_nothing)
{
    struct privileges privileges;
    char message[512];
    if (!is_root()) {
        return;
    }
    const gid_t groups[] = {0, 4242};
    cr_assert_eq(setgroups(2, groups), 0);
    cr_assert(privileges_find(&privileges, user, message, sizeof(message)));
    cr_assert(privileges.is_wanted);
    cr_assert(privileges_become(&privileges, message, sizeof(message)), "%s", message);
    cr_assert_eq(getuid(), privileges.uid);
    cr_assert_eq(geteuid(), privileges.uid);
    cr_assert_eq(getgid(), privileges.gid);
    gid_t left[16];
    int count = getgroups(16, left);
    for (int i = 0; i < count; i++) {
        cr_assert(left[i] != 0 && left[i] != 4242, "groups of root's are gone");
    }
    cr_assert_eq(setresuid(0, 0, 0), -1, "there is no way back");

    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons(997);
    int bound = bind(fd, (struct sockaddr *)&address, sizeof(address));
    cr_assert(bound == 0 || errno == EADDRINUSE, "low ports can still be had");
    cr_assert_eq(open("/etc/shadow", O_RDONLY), -1, "what root may read cannot be read");
    cr_assert(privileges_finish(message, sizeof(message)), "%s", message);
    (void)close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_port = htons(996);
    bound = bind(fd, (struct sockaddr *)&address, sizeof(address));
    cr_assert(bound == -1, "and then not any more");
}

Test(privileges, directories_that_are_missing_are_given)
{
    struct privileges privileges;
    char message[512];
    char root[] = "/tmp/ringcast-privileges-XXXXXX";
    char path[128];
    struct stat status;
    if (!is_root()) {
        return;
    }
    cr_assert_not_null(mkdtemp(root));
    cr_assert(privileges_find(&privileges, user, message, sizeof(message)));
    (void)snprintf(path, sizeof(path), "%s/new", root);
    cr_assert(privileges_make_directory(&privileges, path, 0750, message, sizeof(message)));
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_uid, privileges.uid);
    cr_assert(privileges_check_owner(&privileges, path, message, sizeof(message)));
    cr_assert_eq(rmdir(path), 0);

    (void)snprintf(path, sizeof(path), "%s/old", root);
    cr_assert_eq(mkdir(path, 0755), 0);
    cr_assert(privileges_make_directory(&privileges, path, 0750, message, sizeof(message)));
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_uid, 0, "what is there is not given away");
    cr_assert_not(privileges_check_owner(&privileges, path, message, sizeof(message)));
    cr_assert_not_null(strstr(message, "chown -R nobody: /tmp/"));
    cr_assert_eq(rmdir(path), 0);

    (void)snprintf(path, sizeof(path), "%s/no/parent", root);
    cr_assert_not(privileges_make_directory(&privileges, path, 0750, message, sizeof(message)));
    cr_assert_eq(rmdir(root), 0);
}
