#include "cli/roff.h"

#include <ringcast/version.h>
#include <stdbool.h>

// Within a line. Hyphens are minus signs, as in flags: text can be copied from the page.
static void write_escaped(FILE *out, const char *text, char line_end)
{
    bool is_start = true;
    for (const char *next = text; *next != 0; next++) {
        if (is_start && (*next == '.' || *next == '\'')) {
            (void)fputs("\\&", out);
        }
        is_start = *next == '\n' && line_end == '\n';
        switch (*next) {
        case '\\': (void)fputs("\\e", out); break;
        case '-': (void)fputs("\\-", out); break;
        case '\'': (void)fputs("\\(aq", out); break;
        case '`': (void)fputs("\\(ga", out); break;
        case '^': (void)fputs("\\(ha", out); break;
        case '~': (void)fputs("\\(ti", out); break;
        case '"': (void)fputs("\\(dq", out); break;
        case '\n': (void)fputc(line_end, out); break;
        default: (void)fputc(*next, out); break;
        }
    }
}

void roff_title(FILE *out, const char *page, unsigned section, const char *title)
{
    (void)fprintf(out, ".TH %s %u \"\" \"ringcast %s\" \"%s\"\n.nh\n.ad l\n", page, section,
                  RC_VERSION_STRING, title);
}

static void write_macro(FILE *out, const char *macro, const char *text)
{
    (void)fprintf(out, "%s \"", macro);
    write_escaped(out, text, ' ');
    (void)fputs("\"\n", out);
}

void roff_heading(FILE *out, const char *text)
{
    write_macro(out, ".SH", text);
}

void roff_subheading(FILE *out, const char *text)
{
    write_macro(out, ".SS", text);
}

void roff_term(FILE *out, const char *bold, const char *slanted)
{
    (void)fputs(".TP\n", out);
    if (bold[0] != 0) {
        (void)fputs("\\fB", out);
        write_escaped(out, bold, ' ');
        (void)fputs("\\fR", out);
    }
    if (slanted[0] != 0) {
        (void)fputs(bold[0] != 0 ? " \\fI" : "\\fI", out);
        write_escaped(out, slanted, ' ');
        (void)fputs("\\fR", out);
    }
    (void)fputc('\n', out);
}

void roff_text(FILE *out, const char *text)
{
    write_escaped(out, text, ' ');
    (void)fputc('\n', out);
}

void roff_paragraph(FILE *out)
{
    (void)fputs(".PP\n", out);
}

void roff_example(FILE *out, const char *text)
{
    (void)fputs(".PP\n.RS 4\n.nf\n", out);
    write_escaped(out, text, '\n');
    (void)fputs("\n.fi\n.RE\n", out);
}
