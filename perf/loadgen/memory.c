#include "memory.h"

#include "proc_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CACHES_TEXT_SIZE = 256 << 10,
};

static uint64_t page_bytes(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

void memory_read_kernel(struct memory_kernel *kernel)
{
    char text[4096];
    memset(kernel, 0, sizeof *kernel);
    if (proc_file_read("/proc/net/sockstat", text, sizeof text)) {
        // The line of TCP is the first with these words.
        const char *line = strstr(text, "TCP:");
        kernel->sockets = line == NULL ? 0 : proc_text_member(line, "alloc");
        kernel->tcp_bytes = line == NULL ? 0 : proc_text_member(line, "mem") * page_bytes();
    }
    kernel->slab_bytes = proc_file_member("/proc/meminfo", "Slab") << 10;
}

// --- caches ---

// "name active_objects objects object_size per_slab pages_per_slab : tunables a b c : slabdata
// active_slabs slabs shared".
static bool parse_cache(struct memory_cache *cache, const char *line, uint64_t page_size)
{
    size_t name_length = strcspn(line, " ");
    const char *data = strstr(line, " : slabdata ");
    if (data == NULL || name_length == 0 || name_length >= sizeof cache->name) {
        return false;
    }
    memcpy(cache->name, line, name_length);
    cache->name[name_length] = 0;
    uint64_t numbers[5] = {0};
    uint64_t slabs[2] = {0};
    if (proc_text_numbers(line + name_length, numbers, 5) != 5 ||
        proc_text_numbers(data + strlen(" : slabdata "), slabs, 2) != 2) {
        return false;
    }
    cache->bytes = numbers[4] * slabs[1] * page_size;
    return true;
}

void memory_parse_caches(struct memory_caches *caches, char *text, uint64_t page_size)
{
    char *rest = NULL;
    caches->count = 0;
    for (const char *line = strtok_r(text, "\n", &rest);
         line != NULL && caches->count < MEMORY_CACHES_MAX; line = strtok_r(NULL, "\n", &rest)) {
        if (parse_cache(&caches->caches[caches->count], line, page_size)) {
            caches->count++;
        }
    }
}

void memory_read_caches(struct memory_caches *caches)
{
    caches->count = 0;
    char *text = malloc(CACHES_TEXT_SIZE);
    if (text != NULL && proc_file_read("/proc/slabinfo", text, CACHES_TEXT_SIZE)) {
        memory_parse_caches(caches, text, page_bytes());
    }
    free(text);
}

static uint64_t bytes_of(const struct memory_caches *caches, const char *name)
{
    for (uint32_t i = 0; i < caches->count; i++) {
        if (strcmp(caches->caches[i].name, name) == 0) {
            return caches->caches[i].bytes;
        }
    }
    return 0;
}

uint32_t memory_grown(const struct memory_caches *before, const struct memory_caches *after,
                      struct memory_cache grown[MEMORY_GROWN_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < after->count; i++) {
        struct memory_cache cache = after->caches[i];
        uint64_t former = bytes_of(before, cache.name);
        if (cache.bytes <= former) {
            continue;
        }
        cache.bytes -= former;
        uint32_t place = count < MEMORY_GROWN_MAX ? count++ : MEMORY_GROWN_MAX;
        for (; place > 0 && grown[place - 1].bytes < cache.bytes; place--) {
            if (place < MEMORY_GROWN_MAX) {
                grown[place] = grown[place - 1];
            }
        }
        if (place < MEMORY_GROWN_MAX) {
            grown[place] = cache;
        }
    }
    return count;
}

// --- the most ---

static void raise_to(uint64_t *peak, uint64_t value)
{
    *peak = value > *peak ? value : *peak;
}

void memory_look(struct memory_peak *peak, uint64_t resident_bytes)
{
    struct memory_kernel kernel;
    memory_read_kernel(&kernel);
    raise_to(&peak->tcp_bytes, kernel.tcp_bytes);
    raise_to(&peak->slab_bytes, kernel.slab_bytes);
    raise_to(&peak->resident_bytes, resident_bytes);
}
