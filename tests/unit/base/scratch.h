// A directory of a test's own, in $RC_TMP where that is set.
#pragma once

enum { SCRATCH_PATH_SIZE = 128 };

// Makes it; its path goes to `path`.
void scratch_make(char path[SCRATCH_PATH_SIZE]);
// With all that is in it.
void scratch_remove(const char *path);
// Makes a file in it, or writes it anew.
void scratch_write(const char *directory, const char *name, const char *text);
