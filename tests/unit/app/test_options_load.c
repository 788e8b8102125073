#include "app/options_load.h"
#include "app/setting_value.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static char path[] = "/tmp/ringcast-options.XXXXXX";

static void write_file(const char *toml)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    (void)fputs(toml, file);
    (void)fclose(file);
}

static void on_change(void *context, const struct setting_change *change)
{
    char *told = context;
    (void)snprintf(told + strlen(told), 200, "%s: %s -> %s\n", change->setting->key, change->before,
                   change->after);
}

// As a reload does: the file is read again, and each reading has text of its own.
Test(options_load, a_file_that_changed_is_read_again)
{
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    (void)close(fd);
    write_file("[auth]\naudience = \"first\"\n[quality]\nrules = [\"none\"]\n");
    cr_assert_eq(LOAD("--config", path, "--retry", "3s"), 0, "%s", faults.list[0].text);
    cr_assert_eq(origin_of("auth-audience")->source, SETTING_FROM_FILE);
    cr_assert_eq(origin_of("auth-audience")->line, 2);
    cr_assert_eq(origin_of("retry")->source, SETTING_FROM_FLAG);
    struct options first = options;
    write_file("[auth]\naudience = \"second\"\n[streaming.sse]\nretry_interval = \"1s\"\n");
    cr_assert_eq(LOAD("--config", path, "--retry", "3s"), 0, "%s", faults.list[0].text);
    char told[1000] = "";
    settings_diff(&options_table, &first, &options, on_change, told);
    cr_assert_str_eq(told,
                     "auth-audience: first -> second\nrule: none -> (three, for bad paths)\n");
    options_free(&first);
    cr_assert_str_eq(options.auth_audience, "second");
    options_free(&options);
    write_file("[auth]\naudience = 3\n");
    cr_assert_eq(LOAD("--config", path), -EINVAL);
    cr_assert_eq(faults.list[0].line, 2);
    (void)unlink(path);
    cr_assert_eq(LOAD("--config", path), -EINVAL);
}

Test(options_load, what_is_set_for_websocket_is_told)
{
    cr_assert_eq(LOAD("--retry", "1s"), 0);
    cr_assert_null(options_idle_websocket(&origins));
    cr_assert_eq(LOAD("--websocket-ping-interval", "30s"), 0);
    cr_assert_not_null(options_idle_websocket(&origins));
}
