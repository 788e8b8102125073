#include "proc_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FILE_BYTES_MAX = 4096,
};

bool proc_file_read(const char *path, char *text, size_t size)
{
    size_t length = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    // Some files of /proc give a page or a line at a time.
    while (fd >= 0 && length < size - 1) {
        ssize_t taken = read(fd, text + length, size - 1 - length);
        if (taken <= 0) {
            break;
        }
        length += (size_t)taken;
    }
    if (fd >= 0) {
        close(fd);
    }
    text[length] = 0;
    return length > 0;
}

unsigned proc_text_numbers(const char *text, uint64_t *numbers, unsigned count_max)
{
    unsigned count = 0;
    while (count < count_max) {
        char *end = NULL;
        uint64_t number = strtoull(text, &end, 10);
        if (end == text) {
            break;
        }
        numbers[count++] = number;
        text = end;
    }
    return count;
}

unsigned proc_file_numbers(const char *path, uint64_t *numbers, unsigned count_max)
{
    char text[FILE_BYTES_MAX];
    (void)proc_file_read(path, text, sizeof text);
    return proc_text_numbers(text, numbers, count_max);
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n';
}

uint64_t proc_text_member(const char *text, const char *name)
{
    size_t length = strlen(name);
    const char *at = text;
    while ((at = strstr(at, name)) != NULL) {
        bool begins = at == text || is_blank(at[-1]);
        at += length;
        if (begins && (*at == ':' || is_blank(*at))) {
            return strtoull(at + 1, NULL, 10);
        }
    }
    return 0;
}

uint64_t proc_file_member(const char *path, const char *name)
{
    char text[FILE_BYTES_MAX];
    (void)proc_file_read(path, text, sizeof text);
    return proc_text_member(text, name);
}
