#include "markup.h"

#include "base/bytes.h"
#include "base/utf8.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static void character_write(FILE *out, char character)
{
    switch (character) {
    case '<': (void)fputs("&lt;", out); return;
    case '>': (void)fputs("&gt;", out); return;
    case '&': (void)fputs("&amp;", out); return;
    case '"': (void)fputs("&quot;", out); return;
    case '\'': (void)fputs("&#39;", out); return;
    default: (void)fputc(character, out); return;
    }
}

// The length of the character of UTF-8 at `at`, 0 if there is none.
static size_t character_length(const char *at)
{
    unsigned char first = (unsigned char)*at;
    if (first < 0x80) {
        bool is_control = (first < 0x20 && first != '\n' && first != '\t') || first == 0x7f;
        return is_control ? 0 : 1;
    }
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    return strnlen(at, length) == length && utf8_is_valid(slice_from(at, length)) ? length : 0;
}

static void text_write(FILE *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        size_t step = character_length(text + i);
        if (step == 0 || step > length - i) {
            (void)fputs("\xef\xbf\xbd", out);
            i++;
        } else if (step == 1) {
            character_write(out, text[i++]);
        } else {
            (void)fwrite(text + i, 1, step, out);
            i += step;
        }
    }
}

void markup_text(FILE *out, const char *text)
{
    text_write(out, text, strlen(text));
}

// --- commands ---

static bool is_secret_name(const char *name, size_t length)
{
    static const char *const parts[] = {"auth", "cookie", "token", "key", "secret", "password"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t part = strlen(parts[i]);
        for (size_t at = 0; at + part <= length; at++) {
            if (strncasecmp(name + at, parts[i], part) == 0) {
                return true;
            }
        }
    }
    return false;
}

struct span {
    size_t start;
    size_t end;
};

// Which part of an argument is a secret; none if start == end.
static struct span secret_find(const char *argument, bool is_header)
{
    size_t length = strlen(argument);
    if (strncmp(argument, "--header=", 9) == 0 || strncmp(argument, "--publish-header=", 17) == 0) {
        is_header = true;
    }
    const char *colon = strchr(argument, ':');
    if (is_header && colon != NULL) {
        const char *name = strncmp(argument, "--", 2) == 0 ? strchr(argument, '=') : argument;
        if (name != NULL && name < colon && is_secret_name(name, (size_t)(colon - name))) {
            return (struct span){(size_t)(colon - argument) + 1, length};
        }
        return (struct span){0, 0};
    }
    const char *authority = strstr(argument, "://");
    if (authority != NULL) {
        authority += 3;
        size_t host_end = strcspn(authority, "/?#");
        const char *at = memrchr(authority, '@', host_end);
        if (at != NULL) {
            return (struct span){(size_t)(authority - argument), (size_t)(at - argument)};
        }
    }
    return (struct span){0, 0};
}

static bool is_plain(const char *argument)
{
    static const char others[] = "-_./:=,+@%";
    for (const char *at = argument; *at != 0; at++) {
        if (isalnum((unsigned char)*at) == 0 && strchr(others, *at) == NULL) {
            return false;
        }
    }
    return *argument != 0;
}

// Between single quotes, which themselves become '\''.
static void quoted_write(FILE *out, const char *text, size_t length)
{
    for (size_t start = 0; start < length;) {
        const char *quote = memchr(text + start, '\'', length - start);
        size_t part = quote == NULL ? length - start : (size_t)(quote - text) - start;
        text_write(out, text + start, part);
        start += part;
        if (quote != NULL) {
            (void)fputs("&#39;\\&#39;&#39;", out);
            start++;
        }
    }
}

static void argument_write(FILE *out, const char *argument, bool is_header)
{
    struct span secret = secret_find(argument, is_header);
    bool has_secret = secret.end > secret.start;
    bool is_bare = !has_secret && is_plain(argument);
    (void)fputs(is_bare ? "" : "&#39;", out);
    quoted_write(out, argument, secret.start);
    if (has_secret) {
        (void)fputs("...", out);
    }
    quoted_write(out, argument + secret.end, strlen(argument) - secret.end);
    (void)fputs(is_bare ? "" : "&#39;", out);
}

void markup_command(FILE *out, int count, char *const *arguments)
{
    bool is_header = false;
    for (int i = 0; i < count; i++) {
        (void)fputs(i == 0 ? "" : " ", out);
        argument_write(out, arguments[i], is_header);
        is_header =
            strcmp(arguments[i], "--header") == 0 || strcmp(arguments[i], "--publish-header") == 0;
    }
}
