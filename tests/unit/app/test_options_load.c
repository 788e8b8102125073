#include "app/options_load.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct options options;
static struct options_origins origins;
static struct setting_faults faults;

static int load(int argc, char **argv)
{
    const struct options_source source = {.argc = argc, .argv = argv};
    return options_load(&source, &options, &origins, &faults);
}

#define LOAD(...)                                                           \
    load(sizeof((char *[]){(char *)"serve", __VA_ARGS__}) / sizeof(char *), \
         (char *[]){(char *)"serve", __VA_ARGS__, NULL})

static const struct setting_origin *origin_of(const char *key)
{
    return &origins.of[settings_find(&options_table, slice_of(key))];
}

Test(options_load, each_value_knows_where_it_came_from)
{
    (void)setenv("RINGCAST_RETRY", "7s", 1);
    (void)setenv("RINGCAST_LAG_EVENTS", "10", 1);
    (void)setenv("ALLOW_ORIGINS", "https://a.example", 1);
    cr_assert_eq(LOAD("--lag-events", "20"), 0, "%s", faults.list[0].text);
    cr_assert_eq(options.retry_ms, 7000);
    cr_assert_eq(options.lag_events, 20);
    cr_assert_eq(origin_of("lag-events")->source, SETTING_FROM_FLAG);
    cr_assert_eq(origin_of("retry")->source, SETTING_FROM_ENVIRONMENT);
    cr_assert_null(origin_of("retry")->other_variable);
    cr_assert_str_eq(origin_of("allow-origins")->other_variable, "ALLOW_ORIGINS");
    cr_assert_eq(origin_of("workers")->source, SETTING_FROM_DEFAULT);
    options_free(&options);
}

Test(options_load, may_be_called_again)
{
    char *arguments[] = {(char *)"serve", (char *)"--rule", (char *)"none", (char *)"--retry=1s",
                         NULL};
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(load(4, arguments), 0, "%s", faults.list[0].text);
        cr_assert_eq(options.rules.count, 1);
        cr_assert_eq(options.retry_ms, 1000);
        options_free(&options);
    }
}

Test(options_load, all_faults_of_the_environment_are_told)
{
    (void)setenv("RINGCAST_RETRY", "soon", 1);
    (void)setenv("RINGCAST_WORKERS", "many", 1);
    cr_assert_eq(LOAD("--lag-events", "x"), -EINVAL);
    cr_assert_eq(faults.count, 3);
    cr_assert_str_eq(faults.list[0].text, "RINGCAST_WORKERS: 'many' is no whole number");
    cr_assert_str_eq(faults.list[2].text, "--lag-events: 'x' is no whole number");
}

Test(options_load, what_does_not_agree_is_told_by_its_origin)
{
    cr_assert_eq(LOAD("--rule", "x"), -EINVAL);
    cr_assert_eq(faults.count, 1);
    cr_assert_eq(strncmp(faults.list[0].text, "--rule: at", 10), 0, "%s", faults.list[0].text);
    (void)setenv("RINGCAST_RULE", "x", 1);
    (void)setenv("ALLOW_ORIGINS", "x", 1);
    cr_assert_eq(LOAD("--workers", "1"), -EINVAL);
    cr_assert_eq(faults.count, 2);
    cr_assert_eq(strncmp(faults.list[0].text, "RINGCAST_RULE: at", 17), 0, "%s",
                 faults.list[0].text);
    cr_assert_eq(strncmp(faults.list[1].text, "ALLOW_ORIGINS: ", 15), 0, "%s", faults.list[1].text);
}

Test(options_load, operands_and_help)
{
    cr_assert_eq(LOAD("--retry", "1s", "--help"), SETTINGS_HELP);
    cr_assert_eq(LOAD("now"), -EINVAL);
    cr_assert_str_eq(faults.list[0].text, "serve takes no operands: 'now'");
}
