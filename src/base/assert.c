#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// Formats on the stack and writes once: the heap and stdio may be what is broken.
void assert_failed(const char *condition, const char *file, int line, const char *function)
{
    char text[512];
    int length = snprintf(text, sizeof(text), "%s:%d: %s: assertion failed: %s\n", file, line,
                          function, condition);
    if (length > 0) {
        size_t bytes = (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1;
        ssize_t written = write(STDERR_FILENO, text, bytes);
        (void)written; // there is nowhere left to report it
    }
    abort();
}
