// Who is at the other end of a Unix socket, and whether it may publish. Any thread.
#ifndef RINGCAST_INGEST_PEER_H
#define RINGCAST_INGEST_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PEER_GROUPS_MAX = 64 };

struct peer {
    uid_t uid;
    gid_t gid;
    pid_t pid;
    size_t group_count;
    gid_t groups[PEER_GROUPS_MAX]; // supplementary; those beyond the limit are not looked at
};

struct peer_rule {
    const uid_t *uids;
    size_t uid_count;
    const gid_t *gids;
    size_t gid_count;
};

// As the peer was when it connected (SO_PEERCRED, SO_PEERGROUPS). 0 or -errno.
int peer_read(struct peer *peer, int fd);

// Root always; a uid that is listed; a listed group that the peer is in.
bool peer_is_allowed(const struct peer *peer, const struct peer_rule *rule);

#endif
