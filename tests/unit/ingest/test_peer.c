#include "ingest/peer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

Test(peer, of_a_socket_pair_is_ourselves)
{
    int pair[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct peer peer;
    cr_assert_eq(peer_read(&peer, pair[0]), 0);
    cr_assert_eq(peer.uid, geteuid());
    cr_assert_eq(peer.gid, getegid());
    cr_assert_eq(peer.pid, getpid());
    cr_assert_leq(peer.group_count, PEER_GROUPS_MAX);
    close(pair[0]);
    close(pair[1]);
    cr_assert_eq(peer_read(&peer, -1), -EBADF);
}

Test(peer, rules)
{
    const uid_t uids[] = {1000, 1001};
    const gid_t gids[] = {50};
    const struct peer_rule rule = {uids, 2, gids, 1};
    const struct peer_rule nobody = {0};
    const struct {
        struct peer peer;
        bool allowed;
    } cases[] = {
        {{.uid = 0, .gid = 0}, true},
        {{.uid = 1000, .gid = 7}, true},
        {{.uid = 1001, .gid = 7}, true},
        {{.uid = 1002, .gid = 7}, false},
        {{.uid = 1002, .gid = 50}, true},
        {{.uid = 1002, .gid = 7, .group_count = 2, .groups = {9, 50}}, true},
        {{.uid = 1002, .gid = 7, .group_count = 2, .groups = {9, 51}}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_eq(peer_is_allowed(&cases[i].peer, &rule), cases[i].allowed, "case %zu", i);
    }
    cr_expect(peer_is_allowed(&cases[0].peer, &nobody));
    cr_expect_not(peer_is_allowed(&cases[1].peer, &nobody));
}
