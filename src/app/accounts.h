// Users and groups of this machine by name, as its databases have them. Main thread: a database may
// be a file or a server.
#ifndef RINGCAST_APP_ACCOUNTS_H
#define RINGCAST_APP_ACCOUNTS_H

#include <stdint.h>

// The id of the user, or group, of that name. 0; -ENOENT: there is none; or why it could not be
// looked up.
int account_find_user(const char *name, uint32_t *id);
int account_find_group(const char *name, uint32_t *id);

#endif
