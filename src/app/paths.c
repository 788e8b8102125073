#include "app/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char root_socket[] = "/run/ringcast/ringcast.sock";

const char *paths_variable(const char *name)
{
    return getenv(name); // NOLINT(concurrency-mt-unsafe)
}

// The variable's value if it is an absolute path, as the XDG base directory specification wants it;
// else NULL.
static const char *directory_variable(const char *name)
{
    const char *value = paths_variable(name);
    return value != NULL && value[0] == '/' ? value : NULL;
}

// A directory that the service manager made for us: the first one of its variable, systemd.exec(5).
static const char *service_directory(const char *name, char directory[PATHS_SIZE])
{
    const char *value = directory_variable(name);
    if (value == NULL) {
        return NULL;
    }
    int length = snprintf(directory, PATHS_SIZE, "%.*s", (int)strcspn(value, ":"), value);
    return length < (int)PATHS_SIZE ? directory : NULL;
}

void paths_default_socket(char path[PATHS_SIZE])
{
    const char *service = service_directory("RUNTIME_DIRECTORY", (char[PATHS_SIZE]){0});
    const char *runtime = directory_variable("XDG_RUNTIME_DIR");
    if (service != NULL) {
        (void)snprintf(path, PATHS_SIZE, "%.490s/ringcast.sock", service);
    } else if (geteuid() == 0) {
        (void)snprintf(path, PATHS_SIZE, "%s", root_socket);
    } else if (runtime != NULL) {
        (void)snprintf(path, PATHS_SIZE, "%s/ringcast.sock", runtime);
    } else {
        (void)snprintf(path, PATHS_SIZE, "/tmp/ringcast-%u.sock", (unsigned)geteuid());
    }
}

void paths_find_socket(char path[PATHS_SIZE])
{
    const char *given = paths_variable("RINGCAST_SOCKET");
    if (given != NULL && given[0] != 0) {
        (void)snprintf(path, PATHS_SIZE, "%s", given);
        return;
    }
    paths_default_socket(path);
    if (access(path, F_OK) != 0 && access(root_socket, F_OK) == 0) {
        (void)snprintf(path, PATHS_SIZE, "%s", root_socket);
    }
}

void paths_default_data(char path[PATHS_SIZE])
{
    const char *service = service_directory("STATE_DIRECTORY", (char[PATHS_SIZE]){0});
    const char *state = directory_variable("XDG_STATE_HOME");
    const char *home = directory_variable("HOME");
    if (service != NULL) {
        (void)snprintf(path, PATHS_SIZE, "%s", service);
    } else if (geteuid() == 0) {
        (void)snprintf(path, PATHS_SIZE, "/var/lib/ringcast");
    } else if (state != NULL) {
        (void)snprintf(path, PATHS_SIZE, "%s/ringcast", state);
    } else if (home != NULL) {
        (void)snprintf(path, PATHS_SIZE, "%s/.local/state/ringcast", home);
    } else {
        (void)snprintf(path, PATHS_SIZE, "ringcast-data");
    }
}

int paths_make_parents(const char *path, mode_t mode)
{
    char part[PATHS_SIZE];
    size_t length = strlen(path);
    if (length >= sizeof(part)) {
        return -ENAMETOOLONG;
    }
    memcpy(part, path, length + 1);
    for (char *slash = strchr(part + 1, '/'); length > 0 && slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(part, mode) != 0 && errno != EEXIST) {
            return -errno;
        }
        *slash = '/';
    }
    return 0;
}
