#include "tls/suite.h"

#include "base/assert.h"
#include "base/bytes.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

enum { LABEL_BYTES_MAX = 32 };

static const struct tls_suite suites[] = {
    {0x1301, "TLS_AES_128_GCM_SHA256", EVP_aes_128_gcm, "SHA256", 32, 16},
    {0x1302, "TLS_AES_256_GCM_SHA384", EVP_aes_256_gcm, "SHA384", 48, 32},
    {0x1303, "TLS_CHACHA20_POLY1305_SHA256", EVP_chacha20_poly1305, "SHA256", 32, 32},
};

const struct tls_suite *tls_suite_find(uint16_t number)
{
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
        if (suites[i].number == number) {
            return &suites[i];
        }
    }
    return NULL;
}

bool tls_suite_expand(const struct tls_suite *suite, const uint8_t *secret, const char *label,
                      uint8_t *into, uint8_t length)
{
    uint8_t info[LABEL_BYTES_MAX];
    struct buffer out;
    buffer_wrap(&out, info, sizeof(info));
    size_t label_length = strlen("tls13 ") + strlen(label);
    (void)buffer_append_byte(&out, 0);
    (void)buffer_append_byte(&out, length);
    (void)buffer_append_byte(&out, (uint8_t)label_length);
    (void)buffer_append_text(&out, "tls13 ");
    (void)buffer_append_text(&out, label);
    (void)buffer_append_byte(&out, 0);
    ASSERT(buffer_failure(&out) == 0);
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)suite->digest,
                                         0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret,
                                          suite->digest_bytes),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, buffer_length(&out)),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    bool is_done = context != NULL && EVP_KDF_derive(context, into, length, parameters) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return is_done;
}
