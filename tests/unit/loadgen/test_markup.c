// layer: base
// link: perf/loadgen/markup.c
#include "../perf/loadgen/markup.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void check_text(const char *text, const char *expected)
{
    char *written = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&written, &length);
    markup_text(out, text);
    (void)fclose(out);
    cr_assert_str_eq(written, expected);
    free(written);
}

static void check_command(char *const *arguments, const char *expected)
{
    int count = 0;
    while (arguments[count] != NULL) {
        count++;
    }
    char *written = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&written, &length);
    markup_command(out, count, arguments);
    (void)fclose(out);
    cr_assert_str_eq(written, expected);
    free(written);
}

Test(markup, what_means_something_in_html_is_escaped)
{
    check_text("<script>alert('a & \"b\"')</script>",
               "&lt;script&gt;alert(&#39;a &amp; &quot;b&quot;&#39;)&lt;/script&gt;");
    check_text("", "");
}

Test(markup, what_is_no_text_is_replaced)
{
    check_text("µs ü €", "µs ü €");
    check_text("a\x01\xff"
               "b\xc3",
               "a\xef\xbf\xbd\xef\xbf\xbd"
               "b\xef\xbf\xbd");
    check_text("\xe2\x82<", "\xef\xbf\xbd\xef\xbf\xbd&lt;");
}

Test(markup, commands_can_be_typed_again)
{
    check_command((char *[]){"bench", "--url", "http://127.0.0.1:80/a", "--rate=5", NULL},
                  "bench --url http://127.0.0.1:80/a --rate=5");
    check_command((char *[]){"a b", "", "it's", "{n}&", NULL},
                  "&#39;a b&#39; &#39;&#39; &#39;it&#39;\\&#39;&#39;s&#39; &#39;{n}&amp;&#39;");
}

Test(markup, secrets_are_left_out)
{
    check_command((char *[]){"b", "--header", "Authorization: Bearer sesame", "--size", "64", NULL},
                  "b --header &#39;Authorization:...&#39; --size 64");
    check_command((char *[]){"b", "--publish-header=X-Api-Key: sesame", NULL},
                  "b &#39;--publish-header=X-Api-Key:...&#39;");
    check_command((char *[]){"b", "--header", "Accept: text/plain", NULL},
                  "b --header &#39;Accept: text/plain&#39;");
    check_command((char *[]){"b", "--url", "http://me:sesame@host/a@b", NULL},
                  "b --url &#39;http://...@host/a@b&#39;");
    check_command((char *[]){"b", "--publish=nats://sesame@host", NULL},
                  "b &#39;--publish=nats://...@host&#39;");
}
