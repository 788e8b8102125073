#include "log/owners.h"

#include "log/streams.h"

void owners_init(struct owners *owners, uint32_t most)
{
    u64_map_init(&owners->counts);
    owners->most = most;
}

void owners_free(struct owners *owners)
{
    u64_map_free(&owners->counts);
}

void owners_count(struct owners *owners, const struct streams *streams)
{
    const struct pool *extras = &streams->extras;
    for (uint32_t i = pool_next_live(extras, 0); i != POOL_INDEX_NONE;
         i = pool_next_live(extras, i + 1)) {
        const struct stream_extra *extra = pool_at(extras, i);
        owners_add(owners, extra->settings.owner);
    }
}

static uint32_t count_of(const struct owners *owners, uint64_t owner)
{
    uint32_t count;
    return u64_map_get(&owners->counts, owner, &count) ? count : 0;
}

bool owners_may_make(const struct owners *owners, uint64_t owner)
{
    return owner == 0 || owners->most == 0 || count_of(owners, owner) < owners->most;
}

void owners_add(struct owners *owners, uint64_t owner)
{
    if (owner != 0) {
        (void)u64_map_put(&owners->counts, owner, count_of(owners, owner) + 1);
    }
}

void owners_remove(struct owners *owners, uint64_t owner)
{
    uint32_t count = owner == 0 ? 0 : count_of(owners, owner);
    if (count > 1) {
        (void)u64_map_put(&owners->counts, owner, count - 1);
    } else if (count == 1) {
        (void)u64_map_remove(&owners->counts, owner, NULL);
    }
}
