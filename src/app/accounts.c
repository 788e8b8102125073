#include "app/accounts.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdlib.h>

// Of one entry: a group's has all of its members.
enum { ENTRY_SIZE = 4 << 10, ENTRY_SIZE_MAX = 4 << 20 };

// One look with that much room. 0, -ENOENT, or -ERANGE where the entry is larger.
typedef int look(const char *name, char *room, size_t size, uint32_t *id);

static int look_for_user(const char *name, char *room, size_t size, uint32_t *id)
{
    struct passwd entry;
    struct passwd *found = NULL;
    int error = getpwnam_r(name, &entry, room, size, &found);
    if (found != NULL) {
        *id = entry.pw_uid;
    }
    return found != NULL ? 0 : error != 0 ? -error : -ENOENT;
}

static int look_for_group(const char *name, char *room, size_t size, uint32_t *id)
{
    struct group entry;
    struct group *found = NULL;
    int error = getgrnam_r(name, &entry, room, size, &found);
    if (found != NULL) {
        *id = entry.gr_gid;
    }
    return found != NULL ? 0 : error != 0 ? -error : -ENOENT;
}

static int find(look *look_once, const char *name, uint32_t *id)
{
    int result = -ERANGE;
    for (size_t size = ENTRY_SIZE; result == -ERANGE && size <= ENTRY_SIZE_MAX; size *= 4) {
        char *room = malloc(size);
        result = room == NULL ? -ENOMEM : look_once(name, room, size, id);
        free(room);
    }
    return result;
}

int account_find_user(const char *name, uint32_t *id)
{
    return find(look_for_user, name, id);
}

int account_find_group(const char *name, uint32_t *id)
{
    return find(look_for_group, name, id);
}
