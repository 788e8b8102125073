#include "cli/roff.h"

#include <criterion/criterion.h>
#include <stdlib.h>

// What a writer writes. Freed by the caller.
static char *written(void (*write)(FILE *))
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    cr_assert_not_null(out);
    write(out);
    (void)fclose(out);
    return text;
}

static void expect(void (*write)(FILE *), const char *wanted)
{
    char *text = written(write);
    cr_expect_str_eq(text, wanted);
    free(text);
}

static void write_special(FILE *out)
{
    roff_text(out, "a-b 'c' `d` \\e ^f ~g \"h\"");
}

Test(roff, what_roff_would_read_otherwise_is_escaped)
{
    expect(write_special, "a\\-b \\(aqc\\(aq \\(gad\\(ga \\ee \\(haf \\(tig \\(dqh\\(dq\n");
}

static void write_requests(FILE *out)
{
    roff_text(out, ".SH is no request here");
    roff_text(out, "'nor this");
    roff_text(out, "two\n.lines");
}

Test(roff, text_is_no_request)
{
    expect(write_requests, "\\&.SH is no request here\n\\&\\(aqnor this\ntwo .lines\n");
}

static void write_example(FILE *out)
{
    roff_example(out, "one\n.two");
}

Test(roff, an_example_stands_as_it_is)
{
    expect(write_example, ".PP\n.RS 4\n.nf\none\n\\&.two\n.fi\n.RE\n");
}

static void write_terms(FILE *out)
{
    roff_term(out, "--key", "VALUE");
    roff_term(out, "", "alone");
    roff_term(out, "bold", "");
    roff_heading(out, "two words");
}

Test(roff, terms_and_headings)
{
    expect(write_terms,
           ".TP\n\\fB\\-\\-key\\fR \\fIVALUE\\fR\n.TP\n\\fIalone\\fR\n.TP\n\\fBbold\\fR\n"
           ".SH \"two words\"\n");
}
