// link: tests/unit/base/scratch.c
// link: tests/unit/tls/peers.c
#include "unit/base/scratch.h"
#include "unit/tls/peers.h"

#include "tls/tickets.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[SCRATCH_PATH_SIZE];
static char message[TLS_MESSAGE_SIZE];
static char noted[2 * TLS_MESSAGE_SIZE];

static void note(void *context, const char *line)
{
    (void)context;
    (void)snprintf(noted, sizeof(noted), "%s", line);
}

static void setup(void)
{
    scratch_make(directory);
    pair_write(directory, "good", &(struct pair_options){.host = "good.test"});
    noted[0] = 0;
}

static void teardown(void)
{
    scratch_remove(directory);
}

TestSuite(server, .init = setup, .fini = teardown);

static const char *path_of(const char *name, char path[2 * PEER_PATH_SIZE])
{
    (void)snprintf(path, 2 * PEER_PATH_SIZE, "%s/%s", directory, name);
    return path;
}

static struct tls_server *make(const char *certificate, const char *key)
{
    char certificate_path[2 * PEER_PATH_SIZE];
    char key_path[2 * PEER_PATH_SIZE];
    const char *certificates[] = {path_of(certificate, certificate_path)};
    const char *keys[] = {path_of(key, key_path)};
    const struct tls_server_options options = {
        .certificates = certificates, .keys = keys, .count = 1, .notes = {.note = note}};
    return tls_server_create(&options, NULL, 0, message);
}

static void write_text(const char *name, const char *text)
{
    char path[2 * PEER_PATH_SIZE];
    FILE *file = fopen(path_of(name, path), "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

// The message begins with the file at fault and says this.
static void check_refused(const char *certificate, const char *key, const char *at_fault,
                          const char *words)
{
    char path[2 * PEER_PATH_SIZE];
    cr_assert_null(make(certificate, key));
    path_of(at_fault, path);
    cr_assert_eq(strncmp(message, path, strlen(path)), 0, "%s", message);
    cr_assert_not_null(strstr(message, words), "%s", message);
}

Test(server, takes_a_certificate_with_its_key)
{
    struct tls_server *server = make("good.crt", "good.key");
    cr_assert_not_null(server, "%s", message);
    struct tls_server *held = tls_server_hold(server);
    tls_server_release(server);
    tls_server_release(held);
}

Test(server, says_what_is_wrong_with_a_certificate)
{
    write_text("empty.crt", "");
    write_text("text.crt", "no certificate at all\n");
    write_text("broken.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    check_refused("none.crt", "good.key", "none.crt", "cannot be read: No such file or directory");
    check_refused(".", "good.key", ".", "is no file");
    check_refused("empty.crt", "good.key", "empty.crt", "holds no certificate in PEM form");
    check_refused("text.crt", "good.key", "text.crt", "holds no certificate in PEM form");
    check_refused("good.key", "good.crt", "good.key",
                  "holds no certificate in PEM form; it has the other of the two: were");
    check_refused("good.crt", "good.crt", "good.crt",
                  "holds no private key in PEM form; it has the other of the two: were");
    check_refused("broken.crt", "good.key", "broken.crt", "its certificate is faulty");
}

Test(server, knows_the_binary_form_for_what_it_is)
{
    char path[2 * PEER_PATH_SIZE];
    FILE *file = fopen(path_of("good.crt", path), "r");
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    (void)fclose(file);
    file = fopen(path_of("der.crt", path), "w");
    cr_assert_eq(i2d_X509_fp(file, certificate), 1);
    (void)fclose(file);
    X509_free(certificate);
    check_refused("der.crt", "good.key", "der.crt", "openssl x509 -inform der");
}

Test(server, says_what_is_wrong_with_a_key)
{
    write_text("broken.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    pair_write(directory, "other", &(struct pair_options){.host = "other.test"});
    pair_write(directory, "rsa", &(struct pair_options){.host = "rsa.test", .is_rsa = true});
    check_refused("good.crt", "none.key", "none.key", "cannot be read");
    check_refused("good.crt", "good.crt", "good.crt", "holds no private key in PEM form");
    check_refused("good.crt", "broken.key", "broken.key", "holds no private key in PEM form");
    check_refused("good.crt", "other.key", "other.key", "is not the key of the certificate in");
    check_refused("good.crt", "rsa.key", "rsa.key", "is not the key of the certificate in");
}

Test(server, asks_for_no_pass_phrase)
{
    char path[2 * PEER_PATH_SIZE];
    FILE *file = fopen(path_of("good.key", path), "r");
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    (void)fclose(file);
    file = fopen(path_of("sealed.key", path), "w");
    cr_assert_eq(PEM_write_PrivateKey(file, key, EVP_aes_128_cbc(), NULL, 0, NULL,
                                      (void *)(uintptr_t) "secret"),
                 1);
    (void)fclose(file);
    EVP_PKEY_free(key);
    check_refused("good.crt", "sealed.key", "sealed.key", "the key is encrypted");
}

Test(server, refuses_keys_that_are_too_short)
{
    pair_write(directory, "short",
               &(struct pair_options){.host = "short.test", .is_rsa = true, .rsa_bits = 1024});
    check_refused("short.crt", "short.key", "short.crt", "key too small");
}

Test(server, bounds_a_chain)
{
    pair_write(directory, "long", &(struct pair_options){.host = "long.test", .extra_chain = 100});
    pair_write(directory, "fine", &(struct pair_options){.host = "fine.test", .extra_chain = 3});
    check_refused("long.crt", "long.key", "long.crt", "its chain is longer than");
    struct tls_server *server = make("fine.crt", "fine.key");
    cr_assert_not_null(server, "%s", message);
    tls_server_release(server);
}

Test(server, warns_of_times_and_of_open_keys)
{
    char path[2 * PEER_PATH_SIZE];
    static const struct pair_options old = {
        .host = "old.test", .valid_from_s = -7200, .valid_to_s = -3600};
    static const struct pair_options early = {
        .host = "early.test", .valid_from_s = 3600, .valid_to_s = 7200};
    pair_write(directory, "old", &old);
    pair_write(directory, "early", &early);
    cr_assert_eq(chmod(path_of("old.key", path), 0600), 0);
    cr_assert_eq(chmod(path_of("early.key", path), 0600), 0);
    struct tls_server *server = make("old.crt", "old.key");
    cr_assert_not_null(server, "%s", message);
    cr_assert_not_null(strstr(noted, "old.crt: the certificate has expired"), "%s", noted);
    tls_server_release(server);
    server = make("early.crt", "early.key");
    cr_assert_not_null(strstr(noted, "early.crt: the certificate is not valid yet"), "%s", noted);
    tls_server_release(server);
    cr_assert_eq(chmod(path_of("good.key", path), 0644), 0);
    server = make("good.crt", "good.key");
    cr_assert_not_null(strstr(noted, "good.key: everybody may read this key"), "%s", noted);
    tls_server_release(server);
}

Test(server, renews_its_ticket_keys_in_time)
{
    static const char *const names[] = {"good"};
    struct tls_server *server = server_of(directory, names, 1, NULL, 1000, message);
    cr_assert_null(tls_server_rotate(server, 1000 + TLS_TICKET_LIFE_MS - 1));
    struct tls_server *newer = tls_server_rotate(server, 1000 + TLS_TICKET_LIFE_MS);
    cr_assert_not_null(newer);
    tls_server_release(server);
    cr_assert_null(tls_server_rotate(newer, 1000 + TLS_TICKET_LIFE_MS));
    tls_server_release(newer);
}
