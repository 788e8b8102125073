#include "log/meta.h"

#include "base/crc32c.h"
#include "log/segment.h"

#include <criterion/criterion.h>

TestSuite(meta, .timeout = 30);

static const uint8_t boot[16] = {1, 2, 3, 4};
static const uint8_t other_boot[16] = {9};

static struct log_meta sample(bool clean)
{
    struct log_meta meta = {.segment_bytes = 1 << 26,
                            .id_limit = 3 * META_RESERVE,
                            .next_id = 2000,
                            .clean = clean,
                            .sequence_base = META_RESERVE};
    memcpy(meta.boot_id, boot, sizeof boot);
    return meta;
}

Test(meta, there_and_back)
{
    uint8_t bytes[META_BYTES];
    struct log_meta meta = sample(true);
    struct log_meta back;
    meta_encode(&meta, bytes);
    cr_assert_eq(meta_decode(slice_from(bytes, sizeof bytes), &back), META_VALID);
    cr_assert_eq(back.segment_bytes, meta.segment_bytes);
    cr_assert_eq(back.id_limit, meta.id_limit);
    cr_assert_eq(back.next_id, meta.next_id);
    cr_assert_eq(back.sequence_base, meta.sequence_base);
    cr_assert(back.clean);
    cr_assert_eq(memcmp(back.boot_id, boot, sizeof boot), 0);
}

Test(meta, spoilt)
{
    uint8_t bytes[META_BYTES];
    struct log_meta meta = sample(false);
    struct log_meta back;
    meta_encode(&meta, bytes);
    for (size_t i = 0; i < sizeof bytes * 8; i++) {
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        cr_assert_eq(meta_decode(slice_from(bytes, sizeof bytes), &back), META_CORRUPT);
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    cr_assert_eq(meta_decode(slice_from(bytes, sizeof bytes - 1), &back), META_CORRUPT);
    store_le32(bytes + 12, LOG_FORMAT_VERSION + 1);
    store_le32(bytes + 8, crc32c(0, bytes + 12, sizeof bytes - 12));
    cr_assert_eq(meta_decode(slice_from(bytes, sizeof bytes), &back), META_UNKNOWN_VERSION);
    store_le32(bytes + 12, LOG_FORMAT_VERSION);
    store_le64(bytes + 16, 1000);
    store_le32(bytes + 8, crc32c(0, bytes + 12, sizeof bytes - 12));
    cr_assert_eq(meta_decode(slice_from(bytes, sizeof bytes), &back), META_CORRUPT);
}

Test(meta, start_of_a_new_log)
{
    struct meta_start start = meta_start_of(NULL, boot, 0, true, false);
    cr_assert_eq(start.next_id, 1);
    cr_assert_eq(start.sequence_jump, 0);
    cr_assert_eq(start.sequence_base, 0);
}

Test(meta, start_after_a_clean_stop)
{
    struct log_meta meta = sample(true);
    struct meta_start start = meta_start_of(&meta, other_boot, 1999, false, false);
    cr_assert_eq(start.next_id, 2000);
    cr_assert_eq(start.sequence_jump, 0);
    cr_assert_eq(start.sequence_base, META_RESERVE);
    cr_assert_eq(meta_start_of(&meta, boot, 5000, false, false).next_id, 5001);
}

Test(meta, start_after_a_killed_process)
{
    struct log_meta meta = sample(false);
    struct meta_start start = meta_start_of(&meta, boot, 5000, false, false);
    cr_assert_eq(start.next_id, 5001);
    cr_assert_eq(start.sequence_jump, 0);
}

Test(meta, start_after_a_power_cut_or_with_a_torn_log)
{
    struct log_meta meta = sample(false);
    for (int torn = 0; torn < 2; torn++) {
        struct meta_start start =
            meta_start_of(&meta, torn ? boot : other_boot, 5000, false, torn == 1);
        cr_assert_eq(start.next_id, 3 * META_RESERVE);
        cr_assert_eq(start.sequence_jump, META_RESERVE);
        cr_assert_eq(start.sequence_base, 2 * META_RESERVE);
    }
    cr_assert_eq(meta_start_of(&meta, other_boot, 4 * META_RESERVE, false, false).next_id,
                 4 * META_RESERVE + 1);
    meta.clean = true;
    cr_assert_eq(meta_start_of(&meta, boot, 10, false, true).next_id, 3 * META_RESERVE);
}

Test(meta, start_without_meta)
{
    struct meta_start start = meta_start_of(NULL, boot, 5000, false, false);
    cr_assert_geq(start.next_id, 5000 + 2 * META_RESERVE);
    cr_assert_eq(start.sequence_jump, META_RESERVE);
}
