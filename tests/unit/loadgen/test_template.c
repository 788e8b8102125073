// layer: base
// link: perf/loadgen/template.c
#include "../perf/loadgen/template.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>

enum {
    CASE_TEXT_SIZE = 96,
};

struct expansion {
    char text[CASE_TEXT_SIZE];
    enum template_place place;
    char result[CASE_TEXT_SIZE];
};

ParameterizedTestParameters(template, filled_in)
{
    static struct expansion cases[] = {
        {"", TEMPLATE_TEXT, ""},
        {"plain", TEMPLATE_TEXT, "plain"},
        {"{data}", TEMPLATE_TEXT, "say \"a&b\"\n"},
        {"{number}{number}", TEMPLATE_TEXT, "77"},
        {"{\"stream\":\"{stream}\",\"data\":\"{data_json}\"}", TEMPLATE_TEXT,
         "{\"stream\":\"a/b c\",\"data\":\"say \\\"a&b\\\"\\n\"}"},
        {"topic={stream_url}&data={data_url}", TEMPLATE_TEXT,
         "topic=a%2Fb%20c&data=say%20%22a%26b%22%0A"},
        {"[{stream_json}]", TEMPLATE_TEXT, "[a/b c]"},
        {"/pub/{stream}?n={number}", TEMPLATE_URL, "/pub/a/b%20c?n=7"},
        {"/pub?id={stream_url}", TEMPLATE_URL, "/pub?id=a%2Fb%20c"},
        {"{", TEMPLATE_TEXT, "{"},
        {"{{data", TEMPLATE_TEXT, "{{data"},
        {"{{number}}", TEMPLATE_TEXT, "{7}"},
        {"{other} {datax}", TEMPLATE_TEXT, "{other} {datax}"},
    };
    return cr_make_param_array(struct expansion, cases, sizeof cases / sizeof cases[0]);
}

ParameterizedTest(struct expansion *one, template, filled_in)
{
    struct template_values values = {7, slice_of("a/b c"), slice_of("say \"a&b\"\n")};
    uint8_t bytes[256];
    struct buffer into;
    buffer_wrap(&into, bytes, sizeof bytes);
    template_expand(&into, one->text, one->place, &values);
    cr_assert_eq(buffer_failure(&into), 0);
    cr_assert(slice_equal_text(buffer_slice(&into), one->result), "'%s' gave '" SLICE_FORMAT "'",
              one->text, SLICE_ARGUMENTS(buffer_slice(&into)));
}

Test(template, marks_without_a_value_stay)
{
    struct template_values values = {.number = 3};
    uint8_t bytes[256];
    struct buffer into;
    buffer_wrap(&into, bytes, sizeof bytes);
    template_expand(&into, "{stream} {data_json} {number}", TEMPLATE_URL, &values);
    cr_assert(slice_equal_text(buffer_slice(&into), "{stream} {data_json} 3"));
}

Test(template, an_empty_value_is_a_value)
{
    struct template_values values = {3, slice_of(""), slice_of("")};
    uint8_t bytes[256];
    struct buffer into;
    buffer_wrap(&into, bytes, sizeof bytes);
    template_expand(&into, "<{stream}{data}{data_json}{stream_url}>", TEMPLATE_TEXT, &values);
    cr_assert(slice_equal_text(buffer_slice(&into), "<>"));
}

Test(template, what_does_not_fit_is_told)
{
    struct template_values values = {3, slice_of("stream"), slice_of("data")};
    uint8_t bytes[8];
    struct buffer into;
    buffer_wrap(&into, bytes, sizeof bytes);
    template_expand(&into, "{stream}{data_json}", TEMPLATE_TEXT, &values);
    cr_assert_eq(buffer_failure(&into), -ENOBUFS);
}
