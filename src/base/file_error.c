#include "base/file_error.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ENTRY_SIZE = 4 << 10 }; // of one user in the database

static void write_denied(char text[FILE_ERROR_SIZE])
{
    struct passwd entry;
    struct passwd *found = NULL;
    char room[ENTRY_SIZE];
    uid_t uid = geteuid();
    (void)getpwuid_r(uid, &entry, room, sizeof(room), &found);
    if (found != NULL) {
        (void)snprintf(text, FILE_ERROR_SIZE, "%s, as user %.64s", strerrordesc_np(EACCES),
                       entry.pw_name);
    } else {
        (void)snprintf(text, FILE_ERROR_SIZE, "%s, as user %u", strerrordesc_np(EACCES), uid);
    }
}

const char *file_error(int error, char text[FILE_ERROR_SIZE])
{
    const char *words = strerrordesc_np(error);
    if (error == EACCES) {
        write_denied(text);
    } else {
        (void)snprintf(text, FILE_ERROR_SIZE, "%s%s", words == NULL ? "unknown error" : words,
                       error == EROFS ? "; a systemd unit opens it with ReadWritePaths=" : "");
    }
    return text;
}
