#include "app/privileges.h"

#include "base/logger.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ENTRY_SIZE = 16 << 10 }; // of one user in the database

bool privileges_find(struct privileges *privileges, const char *user, char *message,
                     size_t message_size)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char text[ENTRY_SIZE];
    *privileges = (struct privileges){.uid = geteuid(), .gid = getegid()};
    if (user == NULL || user[0] == 0) {
        return true;
    }
    int error = getpwnam_r(user, &entry, text, sizeof(text), &found);
    if (found == NULL) {
        (void)snprintf(message, message_size, "--user: there is no user '%.64s'%s%s", user,
                       error == 0 ? "" : ": ", error == 0 ? "" : strerrordesc_np(error));
        return false;
    }
    if (geteuid() != 0 && geteuid() != entry.pw_uid) {
        (void)snprintf(message, message_size,
                       "--user: only root may become '%.64s'; leave it out to run as you are",
                       user);
        return false;
    }
    if (snprintf(privileges->name, sizeof(privileges->name), "%s", user) >=
        (int)sizeof(privileges->name)) {
        (void)snprintf(message, message_size, "--user: this name is too long: %.64s...", user);
        return false;
    }
    privileges->is_wanted = geteuid() != entry.pw_uid;
    privileges->uid = entry.pw_uid;
    privileges->gid = entry.pw_gid;
    return true;
}

bool privileges_make_directory(const struct privileges *privileges, const char *path, mode_t mode,
                               char *message, size_t message_size)
{
    if (mkdir(path, mode) != 0) {
        if (errno == EEXIST) {
            return true;
        }
        (void)snprintf(message, message_size, "cannot make the directory %.300s: %s", path,
                       strerrordesc_np(errno));
        return false;
    }
    if (!privileges->is_wanted) {
        return true;
    }
    if (lchown(path, privileges->uid, privileges->gid) != 0) {
        (void)snprintf(message, message_size, "cannot give %.300s to %s: %s", path,
                       privileges->name, strerrordesc_np(errno));
        return false;
    }
    LOG_INFO("service", "made %.300s, which belongs to %s", path, privileges->name);
    return true;
}

bool privileges_check_owner(const struct privileges *privileges, const char *path, char *message,
                            size_t message_size)
{
    struct stat status;
    if (!privileges->is_wanted || (stat(path, &status) == 0 && status.st_uid == privileges->uid)) {
        return true;
    }
    (void)snprintf(message, message_size,
                   "%.150s does not belong to %s, as whom --user lets the broker run: chown -R %s: "
                   "%.150s",
                   path, privileges->name, privileges->name, path);
    return false;
}

static int set_capabilities(unsigned long long capabilities)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i].permitted = (__u32)(capabilities >> (32 * i));
        data[i].effective = data[i].permitted;
    }
    return (int)syscall(SYS_capset, &header, data);
}

// Where the kernel counts io_urings as locked memory a user's limit is soon reached.
static void raise_limits(void)
{
    const struct rlimit limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    (void)setrlimit(RLIMIT_MEMLOCK, &limit);
}

bool privileges_become(const struct privileges *privileges, char *message, size_t message_size)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        (void)snprintf(message, message_size, "cannot rule out new privileges: %s",
                       strerrordesc_np(errno));
        return false;
    }
    if (!privileges->is_wanted) {
        return true;
    }
    raise_limits();
    bool is_done = initgroups(privileges->name, privileges->gid) == 0 &&
                   setresgid(privileges->gid, privileges->gid, privileges->gid) == 0 &&
                   prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 &&
                   setresuid(privileges->uid, privileges->uid, privileges->uid) == 0 &&
                   prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == 0 &&
                   set_capabilities(1ULL << CAP_NET_BIND_SERVICE) == 0;
    if (!is_done) {
        (void)snprintf(message, message_size, "cannot become %s: %s", privileges->name,
                       strerrordesc_np(errno));
    }
    return is_done;
}

bool privileges_finish(char *message, size_t message_size)
{
    if (geteuid() != 0 && set_capabilities(0) != 0) {
        (void)snprintf(message, message_size, "cannot give up capabilities: %s",
                       strerrordesc_np(errno));
        return false;
    }
    return true;
}
