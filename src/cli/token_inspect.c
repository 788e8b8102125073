// `ringcast token inspect`.
#include "cli/token.h"

#include "auth/key_files.h"
#include "auth/token.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/json_value.h"
#include "cli/terminal.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_BYTES_MAX = 64 << 10, SECOND_MS = 1000 };

struct inspection {
    FILE *out;
    bool colour;
    uint64_t now_ms;
};

static void write_label(const struct inspection *inspection, const char *label)
{
    terminal_write_styled(inspection->out, inspection->colour, STYLE_DIM, slice_of(label));
    (void)fprintf(inspection->out, "%*s", (int)(10 - strlen(label)), "");
}

// Decodes and prints one part. The JSON is put into `into`; empty where it is none.
static struct slice show_part(const struct inspection *inspection, const char *label,
                              struct slice text, uint8_t into[TOKEN_BYTES_MAX])
{
    ssize_t length = base64_decode(into, TOKEN_BYTES_MAX, text, NULL);
    struct slice json = slice_from(into, length > 0 ? (size_t)length : 0);
    write_label(inspection, label);
    if (length > 0) {
        terminal_write_text(inspection->out, json);
    } else {
        (void)fprintf(inspection->out, "not base64url");
    }
    (void)fputc('\n', inspection->out);
    return json;
}

static void show_time(const struct inspection *inspection, const char *label, struct slice claims,
                      const char *claim)
{
    struct slice value;
    uint64_t seconds = json_value_number(claims, claim);
    bool is_said = json_value_member(claims, claim, &value);
    if (!is_said && strcmp(claim, "exp") == 0) {
        write_label(inspection, label);
        (void)fprintf(inspection->out, "never, which takes a broker with --auth-require-exp off\n");
    }
    if (!is_said || seconds > UINT64_MAX / SECOND_MS) {
        return;
    }
    char time[TEXT_RFC3339_BYTES];
    char age[TERMINAL_NUMBER_SIZE];
    uint64_t at_ms = seconds * SECOND_MS;
    bool is_past = at_ms <= inspection->now_ms;
    (void)text_format_rfc3339(at_ms, time);
    terminal_format_age(is_past ? inspection->now_ms - at_ms : at_ms - inspection->now_ms, age);
    write_label(inspection, label);
    (void)fprintf(inspection->out, is_past ? "%s (%s ago)\n" : "%s (in %s)\n", time, age);
}

// `strict`: what it would be with clocks that agree.
static int show_verdict(const struct inspection *inspection, enum token_fault fault,
                        enum token_fault strict)
{
    write_label(inspection, "verdict");
    terminal_write_styled(inspection->out, inspection->colour,
                          fault == TOKEN_OK ? STYLE_GREEN : STYLE_RED,
                          slice_of(fault == TOKEN_OK ? "good" : "not good"));
    if (fault != TOKEN_OK) {
        (void)fprintf(inspection->out, ": %s", token_fault_text(fault));
    } else if (strict != TOKEN_OK) {
        (void)fprintf(inspection->out, ", but only by --leeway: %s", token_fault_text(strict));
    }
    (void)fputc('\n', inspection->out);
    return fault == TOKEN_OK ? 0 : 1;
}

static void note(void *context, const char *line)
{
    (void)context;
    (void)fprintf(stderr, "ringcast: note: %s\n", line);
}

static enum token_fault verify(const struct keyring *keyring, const struct token_rules *rules,
                               struct slice token, uint64_t now_ms)
{
    struct grant *grant = NULL;
    enum token_fault fault = token_verify(keyring, rules, token, now_ms, &grant);
    grant_release(grant);
    return fault;
}

static int judge(const struct inspection *inspection, const struct token_options *options,
                 struct slice token)
{
    char message[KEY_FILES_MESSAGE_SIZE];
    const struct key_files files = {
        .paths = options->keys.texts, .count = options->keys.count, .note = note};
    struct keyring *keyring = key_files_load(&files, message);
    if (keyring == NULL) {
        (void)fprintf(stderr, "ringcast: %s\n", message);
        return 1;
    }
    struct token_rules rules = {
        .algorithms = ALGORITHMS_ALL,
        .audience = options->audience == NULL ? slice_empty() : slice_of(options->audience),
        .issuer = options->issuer == NULL ? slice_empty() : slice_of(options->issuer),
        .leeway_ms = options->leeway_ms,
    };
    enum token_fault fault = verify(keyring, &rules, token, inspection->now_ms);
    rules.leeway_ms = 0;
    enum token_fault strict = verify(keyring, &rules, token, inspection->now_ms);
    keyring_release(keyring);
    return show_verdict(inspection, fault, strict);
}

static int inspect(const struct token_options *options, struct slice token, FILE *out)
{
    const struct inspection inspection = {
        .out = out, .colour = terminal_has_colour(out), .now_ms = clock_realtime_ms()};
    uint8_t json[TOKEN_BYTES_MAX];
    struct slice rest = token;
    struct slice header = slice_split(&rest, '.');
    struct slice claims = slice_split(&rest, '.');
    if (token.length > TOKEN_BYTES_MAX || rest.at == NULL) {
        (void)fprintf(
            stderr, "ringcast: this is no token: %s\n",
            token.length == 0
                ? "nothing was given"
                : token_fault_text(token.length > TOKEN_BYTES_MAX ? TOKEN_TOO_LONG : TOKEN_FORM));
        return 1;
    }
    (void)show_part(&inspection, "header", header, json);
    struct slice claims_json = show_part(&inspection, "claims", claims, json);
    show_time(&inspection, "issued", claims_json, "iat");
    show_time(&inspection, "begins", claims_json, "nbf");
    show_time(&inspection, "expires", claims_json, "exp");
    if (options->keys.count > 0) {
        return judge(&inspection, options, token);
    }
    write_label(&inspection, "verdict");
    (void)fprintf(out, "not checked: --key PATH says what to verify with\n");
    return 0;
}

// Without white space around it, and without the scheme where a whole field was copied.
static struct slice trim(struct slice text)
{
    static const struct slice scheme = SLICE_LITERAL("Bearer ");
    while (text.length > 0 && isspace(text.at[text.length - 1])) {
        text = slice_first(text, text.length - 1);
    }
    while (text.length > 0 && isspace(text.at[0])) {
        text = slice_after(text, 1);
    }
    bool has_scheme = text.length > scheme.length &&
                      slice_equal_ignoring_case(slice_first(text, scheme.length), scheme);
    return has_scheme ? slice_after(text, scheme.length) : text;
}

int token_inspect(const struct token_options *options, const char *token, FILE *out)
{
    if (token != NULL && strcmp(token, "-") != 0) {
        if (access(token, F_OK) == 0) {
            (void)fprintf(stderr,
                          "ringcast: note: '%s' is a file, whose content is read by "
                          "`ringcast token inspect <FILE`\n",
                          token);
        }
        return inspect(options, trim(slice_of(token)), out);
    }
    uint8_t input[INPUT_BYTES_MAX];
    size_t length = fread(input, 1, sizeof(input), stdin);
    int status = inspect(options, trim(slice_from(input, length)), out);
    OPENSSL_cleanse(input, sizeof(input));
    return status;
}
