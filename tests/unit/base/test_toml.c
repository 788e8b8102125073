#include "base/toml.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char told[4096]; // the faults of the last reading, a line each
static struct arena arena;

static void on_fault(void *context, struct toml_position at, const char *message)
{
    (void)context;
    size_t used = strlen(told);
    (void)snprintf(told + used, sizeof(told) - used, "%u:%u: %s\n", at.line, at.column, message);
}

static struct toml_value *read_slice(struct slice text)
{
    told[0] = 0;
    arena_free(&arena);
    arena_init(&arena, TOML_ARENA_BYTES);
    return toml_read(text, &arena, on_fault, NULL);
}

static void write_text(struct slice text, struct buffer *into)
{
    (void)buffer_append_byte(into, '"');
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < ' ') {
            (void)buffer_printf(into, "<%02x>", (unsigned)text.at[i]);
        } else {
            (void)buffer_append_byte(into, text.at[i]);
        }
    }
    (void)buffer_append_byte(into, '"');
}

// A tree in one line: {a: 1, b: [true, "x"]}; dates as they are written.
static void write(const struct toml_value *value, struct buffer *into)
{
    bool is_table = value->kind == TOML_TABLE;
    switch (value->kind) {
    case TOML_TABLE:
    case TOML_ARRAY:
        (void)buffer_append_byte(into, is_table ? '{' : '[');
        for (const struct toml_value *child = value->first; child != NULL; child = child->next) {
            (void)buffer_append_text(into, child == value->first ? "" : ", ");
            if (is_table) {
                (void)buffer_append_slice(into, child->key);
                (void)buffer_append_text(into, ": ");
            }
            write(child, into);
        }
        (void)buffer_append_byte(into, is_table ? '}' : ']');
        break;
    case TOML_TEXT: write_text(value->text, into); break;
    case TOML_INTEGER: (void)buffer_printf(into, "%lld", (long long)value->integer); break;
    case TOML_FLOAT: (void)buffer_printf(into, "%.17gf", value->number); break;
    case TOML_BOOLEAN: (void)buffer_append_text(into, value->boolean ? "true" : "false"); break;
    default:
        (void)buffer_printf(into, "%s " SLICE_FORMAT,
                            value->kind == TOML_LOCAL_TIME        ? "time"
                            : value->kind == TOML_LOCAL_DATE      ? "date"
                            : value->kind == TOML_LOCAL_DATE_TIME ? "local"
                                                                  : "moment",
                            SLICE_ARGUMENTS(value->source));
        break;
    }
}

struct vector {
    const char *toml;
    const char *tree;
};

static void expect_good(const struct vector *vectors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buffer text;
        buffer_init(&text, 1 << 16);
        const struct toml_value *root = read_slice(slice_of(vectors[i].toml));
        cr_assert_str_eq(told, "", "%s: %s", vectors[i].toml, told);
        write(root, &text);
        cr_assert(slice_equal_text(buffer_slice(&text), vectors[i].tree),
                  "%s\n  is " SLICE_FORMAT "\n not %s", vectors[i].toml,
                  SLICE_ARGUMENTS(buffer_slice(&text)), vectors[i].tree);
        buffer_free(&text);
    }
}

#define EXPECT_GOOD(vectors) expect_good((vectors), sizeof(vectors) / sizeof((vectors)[0]))

static void expect_faults(const struct vector *vectors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)read_slice(slice_of(vectors[i].toml));
        cr_assert_str_eq(told, vectors[i].tree, "%s\n  tells %s    not %s", vectors[i].toml, told,
                         vectors[i].tree);
    }
}

#define EXPECT_FAULTS(vectors) expect_faults((vectors), sizeof(vectors) / sizeof((vectors)[0]))

static void finish(void)
{
    arena_free(&arena);
}

TestSuite(toml, .fini = finish);

Test(toml, keys_and_tables)
{
    static const struct vector vectors[] = {
        {"", "{}"},
        {"# nothing\n\n  \t\r\n", "{}"},
        {"a=1", "{a: 1}"},
        {"\ta \t=\t1 # one\r\nb=2", "{a: 1, b: 2}"},
        {"1 = 2\n-_ = 3", "{1: 2, -_: 3}"},
        {"\"a b\" = 1\n'c\"' = 2\n\"\" = 3\n\"\\u0064\" = 4", "{a b: 1, c\": 2, : 3, d: 4}"},
        {"a.b.c = 1\na . \"d\" = 2\na.b.e = 3", "{a: {b: {c: 1, e: 3}, d: 2}}"},
        {"[t]\nx = 1\n[u . v]\n[ t.w ]\ny = 2", "{t: {x: 1, w: {y: 2}}, u: {v: {}}}"},
        {"[a.b]\nx = 1\n[a]\ny = 2", "{a: {b: {x: 1}, y: 2}}"},
        {"[a]\nb.c = 1\n[a.b.d]\ne = 2", "{a: {b: {c: 1, d: {e: 2}}}}"},
        {"[[a]]\nx = 1\n[a.b]\ny = 2\n[[a]]\n[[a.c]]\n[[a.c]]\nz = 3",
         "{a: [{x: 1, b: {y: 2}}, {c: [{}, {z: 3}]}]}"},
        {"[[a.b]]\n[a]\nx = 1", "{a: {b: [{}], x: 1}}"},
    };
    EXPECT_GOOD(vectors);
}

Test(toml, values)
{
    static const struct vector vectors[] = {
        {"a = [0, +1, -17, 1_000_000, -0]", "{a: [0, 1, -17, 1000000, 0]}"},
        {"a = [0xDEAD_beef, 0o755, 0b1101]", "{a: [3735928559, 493, 13]}"},
        {"a = [9223372036854775807, -9223372036854775808]",
         "{a: [9223372036854775807, -9223372036854775808]}"},
        {"a = [1.5, -0.25, 5e+2, 1_0.5_0, 6.5E-1, inf, -inf]",
         "{a: [1.5f, -0.25f, 500f, 10.5f, 0.65000000000000002f, inff, -inff]}"},
        {"a = [true, false]", "{a: [true, false]}"},
        {"a = 2024-02-29\nb = 12:34:56.789\nc = 2024-02-29t12:34:56\nd = 2024-02-29 12:34:56Z # x",
         "{a: date 2024-02-29, b: time 12:34:56.789, c: local 2024-02-29t12:34:56, "
         "d: moment 2024-02-29 12:34:56Z}"},
        {"a = 1979-05-27T00:32:00.999999-07:00", "{a: moment 1979-05-27T00:32:00.999999-07:00}"},
        {"a = [] # none\nb = [[1], [\"x\", 2.5], {}]", "{a: [], b: [[1], [\"x\", 2.5f], {}]}"},
        {"a = [ # one\n  1\n  # two\n , 2,\r\n\n]", "{a: [1, 2]}"},
        {"a = {}\nb = {x=1, y.z = 2, \"w\" = [\n1]}", "{a: {}, b: {x: 1, y: {z: 2}, w: [1]}}"},
    };
    EXPECT_GOOD(vectors);
    const struct toml_value *root = read_slice(slice_of("a = nan\nb = -nan"));
    cr_assert(isnan(root->first->number) && isnan(root->last->number));
}

Test(toml, text)
{
    static const struct vector vectors[] = {
        {"a = \"\"\nb = ''", "{a: \"\", b: \"\"}"},
        {"a = \"\\b\\t\\n\\f\\r\\\"\\\\\"", "{a: \"<08><09><0a><0c><0d>\"\\\"}"},
        {"a = \"\\u00e9 \\U0001F600 \\u0000\"", "{a: \"\xc3\xa9 \xf0\x9f\x98\x80 <00>\"}"},
        {"a = 'c:\\x \"q\"'", "{a: \"c:\\x \"q\"\"}"},
        {"a = \"\"\"\nx\r\ny\"\"\"", "{a: \"x<0a>y\"}"},
        {"a = \"\"\"x \\\n\n   \\  \r\n y\"\"\"", "{a: \"x y\"}"},
        {"a = \"\"\"\"\"\"\nb = ''''''", "{a: \"\", b: \"\"}"},
        {"a = \"\"\"\"x\"\"\"\"\"\nb = '''''x'''''", "{a: \"\"x\"\"\", b: \"''x''\"}"},
        {"a = \"\"\"1 \"\" 2\\\"\"\"\"", "{a: \"1 \"\" 2\"\"}"},
        {"a = '''\n\n\\ #'''# x", "{a: \"<0a>\\ #\"}"},
        {"a = \"\t\xc2\x80\"", "{a: \"<09>\xc2\x80\"}"},
    };
    EXPECT_GOOD(vectors);
}

Test(toml, faults_of_keys_and_headers)
{
    static const struct vector vectors[] = {
        {"a", "1:2: expected '=' behind the key, found the end of the file\n"},
        {"a b = 1", "1:3: expected '=' behind the key, found 'b'\n"},
        {"= 1", "1:1: expected a key, found '='\n"},
        {"a. = 1", "1:4: expected a key, found '='\n"},
        {".a = 1", "1:1: expected a key, found '.'\n"},
        {"\xc3\xa9 = 1", "1:1: expected a key, found '\xc3\xa9'\n"},
        {"\"\xc3\xa9\" \xc3\xa9", "1:5: expected '=' behind the key, found '\xc3\xa9'\n"},
        {"\"\"\"a\"\"\" = 1", "1:1: a key may not stand between three quotes\n"},
        {"a = 1 b = 2", "1:7: expected the end of the line, found 'b'\n"},
        {"a = 1\ra = 2", "1:6: expected the end of the line, found the control character U+000D\n"},
        {"[a", "1:3: expected ']' behind the name of the table, found the end of the file\n"},
        {"[a]]", "1:4: expected the end of the line, found ']'\n"},
        {"[[a]\n", "1:5: expected ']]' behind the name of the tables, found the end of the line\n"},
        {"[ [a]]", "1:3: expected a key, found '['\n"},
        {"[]", "1:2: expected a key, found ']'\n"},
        {"[a] b = 1", "1:5: expected the end of the line, found 'b'\n"},
        {"# a\x01", "1:4: the control character U+0001 may not stand in a comment\n"},
        {"a = 1\n\n  a = 2", "3:3: 'a' is there already, in line 1\n"},
        {"a = 1\n\"a\" = 2", "2:1: 'a' is there already, in line 1\n"},
        {"a.b = 1\na.b.c = 2",
         "2:3: 'b' is a whole number, in line 1: nothing can be added to it\n"},
        {"a = 1\na.b = 2", "2:1: 'a' is a whole number, in line 1: nothing can be added to it\n"},
        {"a = {b = 1}\na.c = 2", "2:1: 'a' is a table, in line 1: nothing can be added to it\n"},
        {"a = {b = 1}\n[a.c]", "2:2: 'a' is a table, in line 1: nothing can be added to it\n"},
        {"a = [{}]\n[[a]]", "2:3: 'a' is there already, in line 1\n"},
        {"a = [{}]\n[a.b]", "2:2: 'a' is an array, in line 1: nothing can be added to it\n"},
        {"[a]\n[a]\nx = 1", "2:2: 'a' is there already, in line 1\n"},
        {"a.b = 1\n[a]", "2:2: 'a' is there already, in line 1\n"},
        {"[[a]]\n[a]", "2:2: 'a' is there already, in line 1\n"},
        {"[a]\n[[a]]", "2:3: 'a' is there already, in line 1\n"},
        {"[a.b]\nx = 1\n[a]\nb.y = 2",
         "4:1: 'b' is a table already, in line 1: a dotted key cannot add to it\n"},
        {"[a]\nb.c = 1\n[x]\n[a.b]", "4:4: 'b' is there already, in line 2\n"},
        {"a = {b = 1, b = 2}", "1:13: 'b' is there already, in line 1\n"},
    };
    EXPECT_FAULTS(vectors);
}

Test(toml, faults_of_values)
{
#define NO_VALUE \
    "is no number, no date, and neither true nor false; a text stands in quotes, as \"30s\"\n"
    static const struct vector vectors[] = {
        {"a =", "1:4: expected a value, found the end of the file\n"},
        {"a = \nb = 1", "1:5: expected a value, found the end of the line\n"},
        {"a = # x", "1:5: expected a value, found '#'\n"},
        {"a = 30s", "1:5: '30s' " NO_VALUE},
        {"a = True", "1:5: 'True' " NO_VALUE},
        {"a = 01", "1:5: '01' " NO_VALUE},
        {"a = 1__0", "1:5: '1__0' " NO_VALUE},
        {"a = _1", "1:5: '_1' " NO_VALUE},
        {"a = 1_", "1:5: '1_' " NO_VALUE},
        {"a = +0x1", "1:5: '+0x1' " NO_VALUE},
        {"a = 0x", "1:5: '0x' " NO_VALUE},
        {"a = 0b2", "1:5: '0b2' " NO_VALUE},
        {"a = 9223372036854775808", "1:5: '9223372036854775808' " NO_VALUE},
        {"a = 1.", "1:5: '1.' " NO_VALUE},
        {"a = .5", "1:5: '.5' " NO_VALUE},
        {"a = 1e", "1:5: '1e' " NO_VALUE},
        {"a = 2023-02-29", "1:5: '2023-02-29' " NO_VALUE},
        {"a = 2024-13-01", "1:5: '2024-13-01' " NO_VALUE},
        {"a = 24:00:00", "1:5: '24:00:00' " NO_VALUE},
        {"a = 12:34", "1:5: '12:34' " NO_VALUE},
        {"a = 2024-02-29 12:34", "1:5: '2024-02-29 12:34' " NO_VALUE},
        {"a = 2024-02-29T12:34:56+24:00", "1:5: '2024-02-29T12:34:56+24:00' " NO_VALUE},
        {"a = [1 2]", "1:8: expected ',' or ']' in the array, found '2'\n"},
        {"a = [,]", "1:6: expected a value, found ','\n"},
        {"a = [1,\n", "2:1: expected a value, found the end of the file\n"},
        {"a = {b = 1,}", "1:12: expected a key, found '}'\n"},
        {"a = {b = 1\n}",
         "1:11: expected ',' or '}' in the inline table, which is one line, found the end of the "
         "line\n"},
        {"a = {b}", "1:7: expected '=' behind the key, found '}'\n"},
        {"a = \"x", "1:5: a text that does not end with \" in its line\n"},
        {"a = 'x\n'", "1:5: a text that does not end with ' in its line\n"},
        {"a = \"\"\"x\n\"", "1:5: a text that does not end with three \"\n"},
        {"a = \"\\q\"",
         "1:6: '\\q' is no escape; write a backslash as \\\\, or the text between ' and '\n"},
        {"a = \"\"\"\\ x\"\"\"",
         "1:8: a lone backslash; write it as \\\\, or the text between ' and '\n"},
        {"a = \"\\u12\"", "1:10: expected four hexadecimal digits behind \\u, found '\"'\n"},
        {"a = \"\\ud800\"", "1:6: U+D800 is no character\n"},
        {"a = \"\\U00110000\"", "1:6: U+110000 is no character\n"},
        {"a = \"\x01\"",
         "1:6: the control character U+0001 may not stand in a text; write it as \\uXXXX\n"},
        {"a = '\x7f'", "1:6: the control character U+007F may not stand in a text\n"},
        {"a = \"\"\"\n\n \x01\"\"\"",
         "3:2: the control character U+0001 may not stand in a text; write it as \\uXXXX\n"},
    };
    EXPECT_FAULTS(vectors);
}

Test(toml, all_faults_are_told_and_the_rest_is_read)
{
    const struct toml_value *root = read_slice(slice_of(
        "a = \nb = 2\nc = [\n  \"x\",\n  y,\n  \"z\",\n]\nd = 4\n[e]\nf = 1 1\n[e]\ng = h\n[i]\n"
        "j = 5\n"));
    cr_assert_str_eq(told, "1:5: expected a value, found the end of the line\n"
                           "5:3: 'y' is no number, no date, and neither true nor false; a text "
                           "stands in quotes, as \"30s\"\n"
                           "10:7: expected the end of the line, found '1'\n"
                           "11:2: 'e' is there already, in line 9\n"
                           "12:5: 'h' is no number, no date, and neither true nor false; a text "
                           "stands in quotes, as \"30s\"\n");
    struct buffer text;
    buffer_init(&text, 4096);
    write(root, &text);
    cr_assert(slice_equal_text(buffer_slice(&text), "{b: 2, d: 4, e: {f: 1}, i: {j: 5}}"),
              SLICE_FORMAT, SLICE_ARGUMENTS(buffer_slice(&text)));
    buffer_free(&text);
}

Test(toml, places)
{
    const struct toml_value *root = read_slice(
        slice_of("\n[a]\n# x\n\"\xc3\xa9\" = \"\xc3\xa9\"\nb.c = [1,\n 'x']\n \xc3\xa9 = 1"));
    cr_assert_str_eq(told, "7:2: expected a key, found '\xc3\xa9'\n");
    const struct toml_value *a = toml_find(root, slice_of("a"));
    cr_assert_eq(a->key_at.line, 2);
    cr_assert_eq(a->key_at.column, 2);
    cr_assert_eq(a->first->at.line, 4);
    cr_assert_eq(a->first->at.column, 7);
    const struct toml_value *b = toml_find(a, slice_of("b"));
    cr_assert_eq(b->first->last->at.line, 6);
    cr_assert_eq(b->first->last->at.column, 2);
    cr_assert_null(toml_find(a, slice_of("c")));
}

Test(toml, what_is_not_utf8)
{
    cr_assert_null(read_slice(slice_of("a = 1\n\xc3\xa9 = '\xff'")));
    cr_assert_str_eq(told, "2:6: not UTF-8: the byte 0xff\n");
}

static char *repeat(const char *piece, size_t count)
{
    size_t length = strlen(piece);
    char *text = calloc(count * length + 1, 1);
    cr_assert_not_null(text);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + i * length, piece, length);
    }
    return text;
}

static void refuse(char *text, const char *expected)
{
    (void)read_slice(slice_of(text));
    cr_assert_not_null(strstr(told, expected), "%s", told);
    free(text);
}

Test(toml, bounds)
{
    char *array = repeat("[", TOML_DEPTH_MAX + 1);
    char *deep = repeat(" ", 200);
    (void)snprintf(deep, 200, "a = %s", array);
    free(array);
    refuse(deep, "1:37: more than 32 arrays and tables in each other");
    refuse(repeat("a.", TOML_DEPTH_MAX + 1), "1:65: a key of more than 32 parts");
    refuse(repeat("[[a]]\n", TOML_VALUES_MAX), "more than 4096 values");
    cr_assert_null(strchr(strchr(told, '\n') + 1, '\n'), "told once: %s", told);
    refuse(repeat("# x\n", TOML_BYTES_MAX / 4 + 1), "1:1: larger than 1024 KiB");
    char *largest = repeat("# x\n", TOML_BYTES_MAX / 4);
    cr_assert_not_null(read_slice(slice_of(largest)));
    cr_assert_str_eq(told, "");
    free(largest);
}

Test(toml, memory_that_runs_out_is_told)
{
    arena_init(&arena, sizeof(struct toml_value) * 3);
    told[0] = 0;
    (void)toml_read(slice_of("a = 1\nb = 2\nc = 3\n"), &arena, on_fault, NULL);
    cr_assert_not_null(strstr(told, "out of memory"), "%s", told);
}
