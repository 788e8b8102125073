// layer: auth
// JSON Web Keys, and keys in PEM: what is taken can be used, and a signature is not any bytes.
#include "auth/key_jwk.h"
#include "auth/signature.h"

#include "base/assert.h"

static void use(const struct key *key)
{
    static const struct slice text = SLICE_LITERAL("a text");
    uint8_t bytes[SIGNATURE_BYTES_MAX] = {0};
    ASSERT(key->algorithm < ALGORITHMS && key->id_length <= KEY_ID_BYTES_MAX);
    ASSERT((key->secret != NULL) == (key->algorithm == ALGORITHM_HS256));
    ASSERT(!signature_verify(key, text, slice_from(bytes, 32)));
    ASSERT(!signature_verify(key, text, slice_empty()));
    size_t length = signature_make(key, text, bytes);
    ASSERT(key->can_sign || length == 0);
}

static void read_json(struct slice json, bool wants_private)
{
    struct key_jwk_reader reader = {.keyring = keyring_create(),
                                    .default_id = SLICE_LITERAL("file"),
                                    .wants_private = wants_private};
    ASSERT(reader.keyring != NULL);
    bool is_read = key_jwk_read(&reader, json);
    ASSERT(is_read || reader.reason[0] != 0);
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        const struct key *key = NULL;
        size_t position = 0;
        while ((key = keyring_next(reader.keyring, (enum algorithm)i, slice_empty(), &position)) !=
               NULL) {
            use(key);
        }
    }
    keyring_release(reader.keyring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char reason[KEY_REASON_SIZE];
    struct slice text = slice_from(data, size);
    struct key *key = key_from_pem(text, reason);
    if (key != NULL) {
        use(key);
        key_free(key);
        return 0;
    }
    ASSERT(reason[0] != 0);
    read_json(text, false);
    read_json(text, true);
    return 0;
}
