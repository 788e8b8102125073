// `ringcast token make` and `ringcast token key`.
#include "cli/token.h"

#include "auth/key_files.h"
#include "auth/key_make.h"
#include "auth/token.h"
#include "auth/token_sign.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "base/pattern.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

enum { SECOND_MS = 1000, PUBLIC_MODE = 0644, PRIVATE_MODE = 0600 };

static int fail(const char *message)
{
    (void)fprintf(stderr, "ringcast: %s\n", message);
    return 1;
}

// ---- choosing the key --------------------------------------------------------------------------

struct choice {
    const struct key *key;
    unsigned count; // how many fit
};

// The key to sign with. NULL after telling why there is none.
static const struct key *choose_key(const struct keyring *keyring,
                                    const struct token_options *options)
{
    struct choice choice = {0};
    struct slice id = options->key_id == NULL ? slice_empty() : slice_of(options->key_id);
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        const struct key *key = NULL;
        size_t position = 0;
        bool is_asked = options->algorithm == 0 || options->algorithm == i + 1;
        while (is_asked &&
               (key = keyring_next(keyring, (enum algorithm)i, id, &position)) != NULL) {
            if (key->can_sign) {
                choice = (struct choice){.key = key, .count = choice.count + 1};
            }
        }
    }
    if (choice.count == 1) {
        return choice.key;
    }
    (void)fail(choice.count > 1 ? "--key: there are several keys; choose one by --kid or --alg"
               : options->key_id != NULL || options->algorithm != 0
                   ? "--key: there is no key to sign with of this --kid and --alg"
                   : "--key: there is no key to sign with: that takes a secret, or a private key, "
                     "as in NAME.private.pem");
    return NULL;
}

// ---- a token -----------------------------------------------------------------------------------

// The lists become slices of their own in the claims; so only what is no pattern is looked for.
static bool are_patterns(const char *name, const struct setting_texts *texts)
{
    for (uint32_t i = 0; i < texts->count; i++) {
        if (!pattern_is_valid(slice_of(texts->texts[i]))) {
            (void)fprintf(stderr,
                          "ringcast: --%s: a pattern is 1 to %d bytes of UTF-8 without control "
                          "characters\n",
                          name, PATTERN_BYTES_MAX);
            return false;
        }
    }
    return true;
}

// JSON is UTF-8.
static bool are_texts(const struct token_options *options)
{
    const char *const texts[] = {options->key_id, options->subject, options->audience,
                                 options->issuer};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i] != NULL && !utf8_is_valid(slice_of(texts[i]))) {
            (void)fail("--kid, --sub, --aud and --iss must be UTF-8");
            return false;
        }
    }
    return true;
}

static void write_header(struct buffer *into, const struct key *key)
{
    struct json_writer writer = json_writer_on(into);
    json_write_object_open(&writer);
    json_write_key(&writer, "alg");
    json_write_text(&writer, algorithm_name(key->algorithm));
    json_write_key(&writer, "typ");
    json_write_text(&writer, "JWT");
    if (key->id_length > 0) {
        json_write_key(&writer, "kid");
        json_write_string(&writer, key_id(key));
    }
    json_write_object_close(&writer);
}

static void write_text(struct json_writer *writer, const char *key, const char *text)
{
    if (text != NULL) {
        json_write_key(writer, key);
        json_write_text(writer, text);
    }
}

static void write_patterns(struct json_writer *writer, const char *key,
                           const struct setting_texts *texts)
{
    if (texts->count == 0) {
        return;
    }
    json_write_key(writer, key);
    json_write_array_open(writer);
    for (uint32_t i = 0; i < texts->count; i++) {
        json_write_text(writer, texts->texts[i]);
    }
    json_write_array_close(writer);
}

static void write_claims(struct buffer *into, const struct token_options *options, uint64_t now_ms)
{
    struct json_writer writer = json_writer_on(into);
    json_write_object_open(&writer);
    write_text(&writer, "iss", options->issuer);
    write_text(&writer, "sub", options->subject);
    write_text(&writer, "aud", options->audience);
    json_write_member_u64(&writer, "iat", now_ms / SECOND_MS);
    if (options->expires_ms != 0) {
        json_write_member_u64(&writer, "exp", (now_ms + options->expires_ms) / SECOND_MS);
    }
    json_write_key(&writer, "ringcast");
    json_write_object_open(&writer);
    write_patterns(&writer, "read", &options->read);
    write_patterns(&writer, "write", &options->write);
    write_patterns(&writer, "types", &options->types);
    if (options->may_broadcast) {
        json_write_key(&writer, "broadcast");
        json_write_boolean(&writer, true);
    }
    json_write_object_close(&writer);
    json_write_object_close(&writer);
}

// Whether a broker with this key would take it: private keys may be damaged, and texts too long.
static enum token_fault try_token(const struct keyring *keyring, const struct key *key,
                                  struct slice token, uint64_t now_ms)
{
    const struct token_rules rules = {.algorithms = 1U << key->algorithm};
    struct grant *grant = NULL;
    enum token_fault fault = token_verify(keyring, &rules, token, now_ms, &grant);
    grant_release(grant);
    return fault;
}

static int make_with(const struct keyring *keyring, const struct key *key,
                     const struct token_options *options, FILE *out)
{
    struct buffer header;
    struct buffer claims;
    struct buffer token;
    uint64_t now_ms = clock_realtime_ms();
    buffer_init(&header, TOKEN_BYTES_MAX);
    buffer_init(&claims, TOKEN_BYTES_MAX);
    buffer_init(&token, TOKEN_BYTES_MAX);
    write_header(&header, key);
    write_claims(&claims, options, now_ms);
    enum token_fault fault = TOKEN_TOO_LONG;
    if (buffer_failure(&header) == 0 && buffer_failure(&claims) == 0 &&
        token_sign(key, buffer_slice(&header), buffer_slice(&claims), &token)) {
        fault = try_token(keyring, key, buffer_slice(&token), now_ms);
    }
    if (fault == TOKEN_OK) {
        (void)fprintf(out, SLICE_FORMAT "\n", SLICE_ARGUMENTS(buffer_slice(&token)));
    } else {
        (void)fprintf(stderr, "ringcast: no token was made, since %s\n", token_fault_text(fault));
    }
    buffer_free(&header);
    buffer_free(&claims);
    buffer_free(&token);
    return fault == TOKEN_OK ? 0 : 1;
}

static void note(void *context, const char *line)
{
    (void)context;
    (void)fprintf(stderr, "ringcast: note: %s\n", line);
}

static void note_doubts(const struct token_options *options)
{
    if (options->read.count == 0 && options->write.count == 0 && !options->may_broadcast) {
        note(NULL, "this token allows nothing: neither --read nor --write nor --broadcast");
    }
    if (options->expires_ms == 0) {
        note(NULL, "this token has no expiry: it takes a broker with --auth-require-exp off");
    }
}

int token_make(const struct token_options *options, FILE *out)
{
    if (options->keys.count == 0) {
        (void)fail("--key FILE is needed: what to sign with. `ringcast token key` makes one");
        return 2;
    }
    if (!are_patterns("read", &options->read) || !are_patterns("write", &options->write) ||
        !are_patterns("types", &options->types) || !are_texts(options)) {
        return 2;
    }
    char message[KEY_FILES_MESSAGE_SIZE];
    const struct key_files files = {.paths = options->keys.texts,
                                    .count = options->keys.count,
                                    .wants_private = true,
                                    // Else it would be the name of the private key's file.
                                    .id = options->key_id == NULL ? "" : options->key_id,
                                    .note = note};
    struct keyring *keyring = key_files_load(&files, message);
    if (keyring == NULL) {
        return fail(message);
    }
    const struct key *key = choose_key(keyring, options);
    int status = key == NULL ? 1 : make_with(keyring, key, options, out);
    if (status == 0) {
        note_doubts(options);
    }
    keyring_release(keyring);
    return status;
}

// ---- a key -------------------------------------------------------------------------------------

// A new file, never one that is there. False after telling why not.
static bool write_file(const char *path, mode_t mode, struct slice text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        (void)fprintf(stderr, "ringcast: cannot make %s: %s\n", path, strerrordesc_np(errno));
        return false;
    }
    bool is_written = write(fd, text.at, text.length) == (ssize_t)text.length && fsync(fd) == 0;
    int error = errno;
    is_written = close(fd) == 0 && is_written;
    if (!is_written) {
        (void)fprintf(stderr, "ringcast: cannot write %s: %s\n", path, strerrordesc_np(error));
        (void)unlink(path);
    }
    return is_written;
}

static bool write_key(const struct key *key, bool is_private, const char *name, FILE *out)
{
    char path[PATH_MAX];
    uint8_t text[KEY_TEXT_BYTES_MAX];
    struct buffer buffer;
    buffer_wrap(&buffer, text, sizeof(text));
    bool is_secret = key->algorithm == ALGORITHM_HS256;
    const char *ending = is_secret ? ".key" : is_private ? ".private.pem" : ".pem";
    int length = snprintf(path, sizeof(path), "%s%s", name, ending);
    bool is_written =
        length < (int)sizeof(path) && key_write(key, is_private, &buffer) &&
        write_file(path, is_private ? PRIVATE_MODE : PUBLIC_MODE, buffer_slice(&buffer));
    OPENSSL_cleanse(text, sizeof(text));
    if (is_written) {
        (void)fprintf(out, "%s: %s\n", path,
                      is_secret    ? "the secret, for the broker (--auth-keys) and for signing"
                      : is_private ? "the private key, for signing (ringcast token make --key)"
                                   : "the public key, for the broker (--auth-keys)");
    }
    return is_written;
}

int token_make_key(const struct token_options *options, const char *name, FILE *out)
{
    if (options->algorithm == 0) {
        (void)fail("--alg: HS256, RS256, ES256 or EdDSA");
        return 2;
    }
    enum algorithm algorithm = (enum algorithm)(options->algorithm - 1);
    struct key *key = key_make(algorithm, KEY_MAKE_RSA_BITS);
    if (key == NULL) {
        return fail("the key could not be made");
    }
    bool is_made = write_key(key, true, name, out) &&
                   (algorithm == ALGORITHM_HS256 || write_key(key, false, name, out));
    key_free(key);
    return is_made ? 0 : 1;
}
