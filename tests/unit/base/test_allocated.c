#include "base/allocated.h"

#include <criterion/criterion.h>
#include <stdlib.h>

// Unit tests run on the C library's allocator; with jemalloc it is the fan-out's test that looks.
Test(allocated, is_zero_without_jemalloc)
{
    void *memory = malloc(100);
    cr_assert_eq(allocated_bytes_of_thread(), 0);
    free(memory);
}
