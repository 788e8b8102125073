#include "ingest/peer.h"

#include <errno.h>
#include <sys/socket.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

int peer_read(struct peer *peer, int fd)
{
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) {
        return -errno;
    }
    peer->uid = credentials.uid;
    peer->gid = credentials.gid;
    peer->pid = credentials.pid;
    length = sizeof peer->groups;
    // A peer in more groups than fit (-ERANGE) is judged by its uid and primary group alone.
    bool has_groups = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer->groups, &length) == 0;
    peer->group_count = has_groups ? length / sizeof *peer->groups : 0;
    return 0;
}

static bool has_gid(const struct peer_rule *rule, gid_t gid)
{
    for (size_t i = 0; i < rule->gid_count; i++) {
        if (rule->gids[i] == gid) {
            return true;
        }
    }
    return false;
}

bool peer_is_allowed(const struct peer *peer, const struct peer_rule *rule)
{
    if (peer->uid == 0 || has_gid(rule, peer->gid)) {
        return true;
    }
    for (size_t i = 0; i < rule->uid_count; i++) {
        if (rule->uids[i] == peer->uid) {
            return true;
        }
    }
    for (size_t i = 0; i < peer->group_count; i++) {
        if (has_gid(rule, peer->groups[i])) {
            return true;
        }
    }
    return false;
}
