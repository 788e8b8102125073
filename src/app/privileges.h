// Who the broker is. Started as root with --user it becomes that user as soon as it has signals and
// directories, so that every file, key and socket is opened with the rights that it has later too;
// until it listens it keeps one capability, to bind ports below 1024. Started otherwise it gives up
// what it was given for that. No process that it might start gets more back (PR_SET_NO_NEW_PRIVS).
//
// Capabilities are a thread's own: all of this is called by main before it starts any other.
#ifndef RINGCAST_APP_PRIVILEGES_H
#define RINGCAST_APP_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PRIVILEGES_NAME_SIZE = 64 };

struct privileges {
    bool is_wanted; // to become the user
    uid_t uid;
    gid_t gid;
    char name[PRIVILEGES_NAME_SIZE];
};

// Looks the user up; NULL is for as we are. False with one line in message: there is no such user,
// or we are neither root nor that user.
bool privileges_find(struct privileges *privileges, const char *user, char *message,
                     size_t message_size);

// Makes a directory, whose parents are there, and gives it to the user; one that is there is left
// as it is. False with one line in message.
bool privileges_make_directory(const struct privileges *privileges, const char *path, mode_t mode,
                               char *message, size_t message_size);

// Whether the directory is that of the user that we want to become. False with one line in message,
// which says what to do.
bool privileges_check_owner(const struct privileges *privileges, const char *path, char *message,
                            size_t message_size);

// Becomes the user, with the groups that the user is in and no others. Limits that only root may
// raise are raised before. False with one line in message.
bool privileges_become(const struct privileges *privileges, char *message, size_t message_size);

// Gives up every capability, unless we are root. After the last socket is bound. False with one
// line in message.
bool privileges_finish(char *message, size_t message_size);

#endif
