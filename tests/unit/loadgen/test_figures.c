// layer: base
// link: perf/loadgen/figures.c
#include "../perf/loadgen/figures.h"

#include <criterion/criterion.h>
#include <string.h>

Test(figures, counts)
{
    cr_assert_str_eq(figure_count(0).text, "0");
    cr_assert_str_eq(figure_count(7).text, "7");
    cr_assert_str_eq(figure_count(0.25).text, "0.25");
    cr_assert_str_eq(figure_count(999).text, "999");
    cr_assert_str_eq(figure_count(999.7).text, "1.00 k");
    cr_assert_str_eq(figure_count(1000).text, "1.00 k");
    cr_assert_str_eq(figure_count(12345).text, "12.3 k");
    cr_assert_str_eq(figure_count(99960).text, "100 k");
    cr_assert_str_eq(figure_count(4.56e6).text, "4.56 M");
    cr_assert_str_eq(figure_count(7e12).text, "7000 G");
}

Test(figures, times_and_bytes)
{
    cr_assert_str_eq(figure_time(85).text, "85 ns");
    cr_assert_str_eq(figure_time(85400).text, "85.4 µs");
    cr_assert_str_eq(figure_time(4.5e6).text, "4.50 ms");
    cr_assert_str_eq(figure_time(1e11).text, "100 s");
    cr_assert_str_eq(figure_bytes(80e6).text, "80.0 MB");
}

Test(figures, short_ones_have_no_needless_zeros)
{
    cr_assert_str_eq(figure_time_short(10e3).text, "10 µs");
    cr_assert_str_eq(figure_time_short(100e6).text, "100 ms");
    cr_assert_str_eq(figure_time_short(2.5e9).text, "2.5 s");
    cr_assert_str_eq(figure_count_short(200e3).text, "200 k");
    cr_assert_str_eq(figure_count_short(0).text, "0");
}

Test(figures, rates_and_shares)
{
    cr_assert_float_eq(figures_seconds(1500 * 1000 * 1000), 1.5, 1e-12);
    cr_assert_float_eq(figures_mebibytes(3 << 19), 1.5, 1e-12);
    cr_assert_float_eq(figures_per_second(10, 500 * 1000 * 1000), 20, 1e-12);
    cr_assert_eq(figures_per_second(10, 0), 0);
    cr_assert_float_eq(figures_percent(1, 8), 12.5, 1e-12);
    cr_assert_eq(figures_percent(1, 0), 0);
}

Test(figures, text_is_cut_between_characters)
{
    char text[] = "12 µs and more";
    figures_cut(text, 20);
    cr_assert_str_eq(text, "12 µs and more");
    figures_cut(text, 4);
    cr_assert_str_eq(text, "12 µ");
    figures_cut(text, 3);
    cr_assert_str_eq(text, "12 ");
    figures_cut(text, 0);
    cr_assert_str_eq(text, "");
}
