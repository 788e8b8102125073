#include "unit/base/scratch.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_PATH_SIZE = 512, NESTED_MAX = 8 };

void scratch_make(char path[SCRATCH_PATH_SIZE])
{
    const char *base = getenv("RC_TMP");
    int length = snprintf(path, SCRATCH_PATH_SIZE, "%s/unit.XXXXXX", base == NULL ? "/tmp" : base);
    cr_assert(length > 0 && length < SCRATCH_PATH_SIZE);
    cr_assert_not_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

void scratch_remove(const char *path)
{
    cr_assert_eq(nftw(path, remove_one, NESTED_MAX, FTW_DEPTH | FTW_PHYS), 0);
}

void scratch_write(const char *directory, const char *name, const char *text)
{
    char whole[FILE_PATH_SIZE];
    int length = snprintf(whole, sizeof(whole), "%s/%s", directory, name);
    cr_assert(length > 0 && length < FILE_PATH_SIZE);
    FILE *file = fopen(whole, "w");
    cr_assert_not_null(file, "%s", whole);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}
