// link: tests/unit/base/scratch.c
// link: tests/unit/auth/vectors.c
#include "auth/key_files.h"

#include "unit/auth/vectors.h"
#include "unit/base/scratch.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <openssl/encoder.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 256 };

static char directory[SCRATCH_PATH_SIZE];
static char noted[1024];

static void note(void *context, const char *line)
{
    (void)context;
    (void)snprintf(noted, sizeof(noted), "%s", line);
}

static void setup(void)
{
    scratch_make(directory);
    noted[0] = 0;
}

static void teardown(void)
{
    scratch_remove(directory);
}

static const char *write_file(const char *name, struct slice text, mode_t mode)
{
    static char path[2 * PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text.at, text.length), (ssize_t)text.length);
    cr_assert_eq(fchmod(fd, mode), 0);
    (void)close(fd);
    return path;
}

static struct keyring *load(const char *path, char *message)
{
    const struct key_files files = {.paths = &path, .count = 1, .note = note};
    message[0] = 0;
    return key_files_load(&files, message);
}

static const struct key *only_key(const struct keyring *keyring)
{
    cr_assert_eq(keyring_count(keyring), 1);
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        size_t position = 0;
        const struct key *key = keyring_next(keyring, (enum algorithm)i, slice_empty(), &position);
        if (key != NULL) {
            return key;
        }
    }
    return NULL;
}

TestSuite(key_files, .init = setup, .fini = teardown);

Test(key_files, pem_public_and_private)
{
    char message[KEY_FILES_MESSAGE_SIZE];
    for (unsigned i = ALGORITHM_RS256; i < ALGORITHMS; i++) {
        struct key *key = vector_key((enum algorithm)i, "");
        struct vector pem;
        vector_pem(key, false, &pem);
        struct keyring *keyring = load(write_file("a.key.pem", vector_slice(&pem), 0644), message);
        cr_assert_not_null(keyring, "%s", message);
        cr_assert_eq(only_key(keyring)->algorithm, i);
        cr_assert_not(only_key(keyring)->can_sign);
        cr_assert(slice_equal_text(key_id(only_key(keyring)), "a.key"));
        cr_assert_eq(noted[0], 0);
        keyring_release(keyring);
        vector_pem(key, true, &pem);
        keyring = load(write_file("b.pem", vector_slice(&pem), 0600), message);
        cr_assert_not_null(keyring, "%s", message);
        cr_assert_not_null(strstr(noted, "only the public part is needed"));
        noted[0] = 0;
        keyring_release(keyring);
        key_free(key);
    }
}

// What openssl ecparam -genkey writes, and openssl rsa -RSAPublicKey_out.
Test(key_files, pem_of_other_forms)
{
    char message[KEY_FILES_MESSAGE_SIZE];
    char text[VECTOR_BYTES_MAX + 200];
    struct key *key = vector_key(ALGORITHM_ES256, "");
    struct vector pem;
    vector_pem(key, true, &pem);
    (void)snprintf(text, sizeof(text),
                   "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                   "-----END EC PARAMETERS-----\n%s",
                   pem.text);
    struct keyring *keyring = load(write_file("a.pem", slice_of(text), 0600), message);
    cr_assert_not_null(keyring, "%s", message);
    keyring_release(keyring);
    key_free(key);

    key = vector_key(ALGORITHM_RS256, "");
    BIO *bio = BIO_new(BIO_s_mem());
    OSSL_ENCODER_CTX *encoder =
        OSSL_ENCODER_CTX_new_for_pkey(key->pair, EVP_PKEY_PUBLIC_KEY, "PEM", "type-specific", NULL);
    cr_assert_eq(OSSL_ENCODER_to_bio(encoder, bio), 1);
    char *at = NULL;
    size_t length = (size_t)BIO_get_mem_data(bio, &at);
    cr_assert_not_null(memmem(at, length, "BEGIN RSA PUBLIC KEY", 20));
    keyring = load(write_file("b.pem", slice_from(at, length), 0644), message);
    cr_assert_not_null(keyring, "%s", message);
    keyring_release(keyring);
    OSSL_ENCODER_CTX_free(encoder);
    BIO_free(bio);
    key_free(key);
}

Test(key_files, pem_certificates_are_their_key)
{
    char message[KEY_FILES_MESSAGE_SIZE];
    struct key *key = vector_key(ALGORITHM_RS256, "");
    X509 *certificate = X509_new();
    cr_assert_not_null(X509_gmtime_adj(X509_getm_notBefore(certificate), -7200));
    cr_assert_not_null(X509_gmtime_adj(X509_getm_notAfter(certificate), -3600)); // long over
    cr_assert_eq(X509_set_pubkey(certificate, key->pair), 1);
    cr_assert_gt(X509_sign(certificate, key->pair, EVP_sha256()), 0);
    BIO *bio = BIO_new(BIO_s_mem());
    cr_assert_eq(PEM_write_bio_X509(bio, certificate), 1);
    char *at = NULL;
    size_t length = (size_t)BIO_get_mem_data(bio, &at);
    struct keyring *keyring = load(write_file("cert.pem", slice_from(at, length), 0644), message);
    cr_assert_not_null(keyring, "%s", message);
    cr_assert_eq(EVP_PKEY_eq(only_key(keyring)->pair, key->pair), 1);
    cr_assert_not(only_key(keyring)->can_sign);
    keyring_release(keyring);
    BIO_free(bio);
    X509_free(certificate);
    key_free(key);
}

Test(key_files, keys_with_a_passphrase_are_not_asked_for_it)
{
    char message[KEY_FILES_MESSAGE_SIZE];
    char passphrase[] = "open sesame";
    struct key *key = vector_key(ALGORITHM_ES256, "");
    for (int is_traditional = 0; is_traditional < 2; is_traditional++) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *at = NULL;
        cr_assert_eq(is_traditional
                         ? PEM_write_bio_PrivateKey_traditional(bio, key->pair, EVP_aes_128_cbc(),
                                                                (unsigned char *)passphrase,
                                                                sizeof(passphrase) - 1, NULL, NULL)
                         : PEM_write_bio_PKCS8PrivateKey(bio, key->pair, EVP_aes_128_cbc(),
                                                         passphrase, sizeof(passphrase) - 1, NULL,
                                                         NULL),
                     1);
        size_t length = (size_t)BIO_get_mem_data(bio, &at);
        cr_assert_null(load(write_file("a.pem", slice_from(at, length), 0600), message));
        cr_assert_not_null(strstr(message, "with a passphrase"), "%s", message);
        BIO_free(bio);
    }
    key_free(key);
}

// ---- secrets -----------------------------------------------------------------------------------

static size_t secret_bytes(const char *name, struct slice text)
{
    char message[KEY_FILES_MESSAGE_SIZE];
    struct keyring *keyring = load(write_file(name, text, 0600), message);
    if (keyring == NULL) {
        return 0;
    }
    size_t bytes = only_key(keyring)->secret_bytes;
    keyring_release(keyring);
    return bytes;
}

Test(key_files, a_line_end_is_no_part_of_a_secret_of_text)
{
    static const struct slice text = SLICE_LITERAL("0123456789abcdef0123456789abcdef\r\n");
    static const uint8_t binary[33] = {1, 2, [31] = '\r', [32] = '\n'};
    cr_assert_eq(secret_bytes("a.key", text), 32);
    cr_assert_eq(secret_bytes("a.key", slice_first(text, 33)), 32);
    cr_assert_eq(secret_bytes("a.key", slice_first(text, 32)), 32);
    cr_assert_eq(secret_bytes("a.key", slice_first(text, 31)), 0);
    cr_assert_eq(secret_bytes("a.key", slice_from(binary, 33)), 33);
    cr_assert_eq(secret_bytes("a.key", slice_from(binary, 32)), 32);
    cr_assert_eq(secret_bytes("a.secret", text), 0);
    cr_assert_eq(secret_bytes("a.key", slice_empty()), 0);
}

Test(key_files, a_secret_that_others_can_read_is_told)
{
    static const struct slice text = SLICE_LITERAL("0123456789abcdef0123456789abcdef");
    char message[KEY_FILES_MESSAGE_SIZE];
    keyring_release(load(write_file("a.key", text, 0640), message));
    cr_assert_eq(noted[0], 0);
    keyring_release(load(write_file("a.key", text, 0644), message));
    cr_assert_not_null(strstr(noted, "can read this secret"));
    cr_assert_null(strstr(noted, "0123"));
}

// ---- directories -------------------------------------------------------------------------------

Test(key_files, a_directory_is_all_its_key_files)
{
    static const struct slice text = SLICE_LITERAL("0123456789abcdef0123456789abcdef");
    char message[KEY_FILES_MESSAGE_SIZE];
    struct key *key = vector_key(ALGORITHM_ES256, "own");
    struct vector jwk;
    struct vector pem;
    vector_jwk(key, false, "", &jwk);
    vector_pem(key, false, &pem);
    (void)write_file("a.key", text, 0600);
    (void)write_file("b.json", vector_slice(&jwk), 0644);
    (void)write_file("c.jwk", vector_slice(&jwk), 0644);
    (void)write_file("d.pem", vector_slice(&pem), 0644);
    (void)write_file("README", slice_of("none of ours"), 0644);
    (void)write_file(".hidden.key", slice_of("none of ours"), 0644);
    (void)write_file("e.key~", slice_of("none of ours"), 0644);
    struct keyring *keyring = load(directory, message);
    cr_assert_not_null(keyring, "%s", message);
    cr_assert_eq(keyring_count(keyring), 4);
    size_t position = 0;
    cr_assert_not_null(keyring_next(keyring, ALGORITHM_HS256, slice_of("a"), &position));
    position = 0;
    cr_assert_not_null(keyring_next(keyring, ALGORITHM_ES256, slice_of("own"), &position));
    cr_assert_not_null(keyring_next(keyring, ALGORITHM_ES256, slice_of("own"), &position));
    cr_assert_not_null(keyring_next(keyring, ALGORITHM_ES256, slice_of("d"), &position));
    keyring_release(keyring);
    // One that cannot be used makes the whole one that cannot be used, and is named.
    (void)write_file("f.key", slice_of("short"), 0600);
    cr_assert_null(load(directory, message));
    cr_assert_not_null(strstr(message, "/f.key: a secret of 5 bytes"), "%s", message);
    key_free(key);
}

Test(key_files, what_cannot_be_used_is_told_by_name)
{
    static const struct {
        const char *name;
        const char *text;
        const char *told;
    } cases[] = {
        {"a.pem", "", "/a.pem: neither a JSON Web Key"},
        {"b.pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "is it whole?"},
        {"c.pem", "-----BEGIN PUBLIC KEY-----\n", "is it whole?"},
        {"d.pem", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "is it whole?"},
        {"e.pem", "-----BEGIN DH PARAMETERS-----\nAAAA\n", "no PEM block with"},
        {"f.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n", "with a passphrase"},
        {"g.json", "{\"keys\":[]}", "no key for HS256, RS256, ES256 or EdDSA"},
        {"h.json", "{\"kty\":\"oct\",\"k\":\"AA\"}", "key 1 is passed over: a secret of 1 bytes"},
        {"i.json", "{\"keys\":[", "too early at byte 10"},
        {"j.txt", "0123456789abcdef0123456789abcdef", "must be in a file named *.key"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char message[KEY_FILES_MESSAGE_SIZE];
        const char *path = write_file(cases[i].name, slice_of(cases[i].text), 0600);
        cr_assert_null(load(path, message));
        cr_assert_not_null(strstr(message, cases[i].told), "%s: %s", cases[i].name, message);
        cr_assert_not_null(strstr(message, cases[i].name), "%s", message);
    }
}

Test(key_files, paths_that_are_no_files)
{
    char message[KEY_FILES_MESSAGE_SIZE];
    cr_assert_null(load("/nowhere/at/all.pem", message));
    cr_assert_not_null(strstr(message, "No such file"), "%s", message);
    cr_assert_null(load("/dev/null", message));
    cr_assert_not_null(strstr(message, "not a file or directory"), "%s", message);
    cr_assert_null(load(directory, message));
    cr_assert_not_null(strstr(message, "in this directory"), "%s", message);
    char pipe_path[2 * PATH_SIZE];
    (void)snprintf(pipe_path, sizeof(pipe_path), "%s/pipe.key", directory);
    cr_assert_eq(mkfifo(pipe_path, 0600), 0);
    cr_assert_null(load(pipe_path, message)); // and does not wait for a writer
    static uint8_t large[KEY_FILE_BYTES_MAX + 1];
    cr_assert_null(load(write_file("large.key", slice_from(large, sizeof(large)), 0600), message));
    cr_assert_not_null(strstr(message, "more than"), "%s", message);
}

Test(key_files, the_fingerprint_sees_changes)
{
    const char *paths[] = {directory};
    const struct key_files files = {.paths = paths, .count = 1};
    uint64_t empty = key_files_fingerprint(&files);
    (void)write_file("a.key", slice_of("one"), 0600);
    uint64_t one = key_files_fingerprint(&files);
    cr_assert_neq(one, empty);
    cr_assert_eq(key_files_fingerprint(&files), one);
    (void)write_file("a.key", slice_of("other"), 0600);
    uint64_t other = key_files_fingerprint(&files);
    cr_assert_neq(other, one);
    (void)write_file("README", slice_of("none of ours"), 0600);
    cr_assert_eq(key_files_fingerprint(&files), other);
    char from[2 * PATH_SIZE];
    char to[2 * PATH_SIZE];
    (void)snprintf(from, sizeof(from), "%s/a.key", directory);
    (void)snprintf(to, sizeof(to), "%s/b.key", directory);
    cr_assert_eq(rename(from, to), 0);
    cr_assert_neq(key_files_fingerprint(&files), other);
    cr_assert_eq(unlink(to), 0);
    cr_assert_eq(key_files_fingerprint(&files), empty);
}
