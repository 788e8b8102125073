#include "base/arena.h"

#include <criterion/criterion.h>
#include <string.h>

Test(arena, pieces_stay_where_they_are)
{
    enum { PIECES = 2000 };
    static uint8_t *pieces[PIECES];
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (int i = 0; i < PIECES; i++) {
        pieces[i] = arena_take(&arena, (size_t)i % 97);
        cr_assert_not_null(pieces[i]);
        memset(pieces[i], i & 0xff, (size_t)i % 97);
    }
    for (int i = 0; i < PIECES; i++) {
        for (int j = 0; j < i % 97; j++) {
            cr_assert_eq(pieces[i][j], i & 0xff);
        }
    }
    arena_free(&arena);
    cr_expect_eq(arena.taken_bytes, 0);
}

Test(arena, the_limit_is_exact)
{
    struct arena arena;
    arena_init(&arena, 5000);
    cr_expect_not_null(arena_take(&arena, 4000));
    cr_expect_null(arena_take(&arena, 1001));
    cr_expect_eq(arena_room(&arena), 1000);
    cr_expect_not_null(arena_take(&arena, 1000));
    cr_expect_not_null(arena_take(&arena, 0));
    cr_expect_null(arena_take(&arena, 1));
    cr_expect_null(arena_take(&arena, SIZE_MAX));
    arena_clear(&arena);
    cr_expect_not_null(arena_take(&arena, 5000));
    arena_free(&arena);
}

Test(arena, the_first_chunk_is_kept)
{
    struct arena arena;
    arena_init(&arena, 100000);
    cr_assert_eq(arena_reserve(&arena, 2000), 0);
    uint8_t *first = arena_take(&arena, 2000);
    for (int i = 0; i < 5; i++) {
        cr_assert_not_null(arena_take(&arena, 3000));
    }
    arena_clear(&arena);
    cr_expect_eq(arena_take(&arena, 1), first);
    arena_free(&arena);
    cr_expect_not_null(arena_take(&arena, 10));
    arena_free(&arena);
}
