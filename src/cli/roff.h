// Writes manual pages in roff, by the macros of man(7). Text comes as it is, and is escaped. One
// thread.
#ifndef RINGCAST_CLI_ROFF_H
#define RINGCAST_CLI_ROFF_H

#include <stdio.h>

// `section`: as in 5; `title`: of the manual's section.
void roff_title(FILE *out, const char *page, unsigned section, const char *title);
void roff_heading(FILE *out, const char *text);
void roff_subheading(FILE *out, const char *text);

// What a paragraph is about, with the text behind it indented: **bold** and /slanted/ parts, either
// of which may be empty.
void roff_term(FILE *out, const char *bold, const char *slanted);

// Text in lines of its own, filled by roff. Line ends in it are kept as spaces.
void roff_text(FILE *out, const char *text);
void roff_paragraph(FILE *out);

// As it stands, line by line.
void roff_example(FILE *out, const char *text);

#endif
