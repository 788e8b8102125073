// layer: base
// link: perf/loadgen/memory.c
// link: perf/loadgen/proc_file.c
#include "../perf/loadgen/memory.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct memory_caches before;
static struct memory_caches after;
static struct memory_cache grown[MEMORY_GROWN_MAX];

static void add(struct memory_caches *caches, const char *name, uint64_t bytes)
{
    struct memory_cache *cache = &caches->caches[caches->count++];
    (void)snprintf(cache->name, sizeof cache->name, "%s", name);
    cache->bytes = bytes;
}

Test(memory, caches_of_slabinfo)
{
    char text[] =
        "slabinfo - version: 2.1\n"
        "# name  <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables ...\n"
        "TCPv6   12  24  2560  12  8 : tunables  0  0  0 : slabdata  2  2  0\n"
        "TCP  26  120  2368  13  8 : tunables    0    0    0 : slabdata      7     10      0\n";
    memory_parse_caches(&after, text, 4096);
    cr_assert_eq(after.count, 2);
    cr_assert_str_eq(after.caches[0].name, "TCPv6");
    cr_assert_eq(after.caches[0].bytes, 2 * 8 * 4096);
    cr_assert_eq(after.caches[1].bytes, 10 * 8 * 4096);
}

Test(memory, text_that_is_none)
{
    char text[] = "Permission denied\n\nslabdata\n: slabdata 1 2\n";
    memory_parse_caches(&after, text, 4096);
    cr_assert_eq(after.count, 0);
}

Test(memory, what_grew_most_comes_first)
{
    add(&before, "shrunk", 50);
    add(&before, "grown", 50);
    add(&before, "same", 5);
    add(&after, "grown", 60);
    add(&after, "same", 5);
    add(&after, "shrunk", 10);
    add(&after, "new", 30);
    cr_assert_eq(memory_grown(&before, &after, grown), 2);
    cr_assert_str_eq(grown[0].name, "new");
    cr_assert_eq(grown[0].bytes, 30);
    cr_assert_str_eq(grown[1].name, "grown");
    cr_assert_eq(grown[1].bytes, 10);
}

Test(memory, only_the_greatest_are_kept)
{
    for (unsigned i = 0; i < 40; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "cache-%u", i);
        add(&after, name, i * 7 % 40 + 1);
    }
    cr_assert_eq(memory_grown(&before, &after, grown), MEMORY_GROWN_MAX);
    for (unsigned i = 0; i < MEMORY_GROWN_MAX; i++) {
        cr_assert_eq(grown[i].bytes, 40 - i);
    }
}

Test(memory, the_most_stays)
{
    struct memory_peak peak = {.tcp_bytes = UINT64_MAX};
    memory_look(&peak, 500);
    memory_look(&peak, 400);
    cr_assert_eq(peak.resident_bytes, 500);
    cr_assert_eq(peak.tcp_bytes, UINT64_MAX);
}
