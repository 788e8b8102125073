// Text from outside, made fit for a page that is shown to others.
#ifndef RINGCAST_LOADGEN_MARKUP_H
#define RINGCAST_LOADGEN_MARKUP_H

#include <stdio.h>

// Writes text as HTML and XML content or attribute. Bytes that are no UTF-8, and controls but LF
// and tab, become U+FFFD.
void markup_text(FILE *out, const char *text);

// Writes a command as it can be typed into a shell again, as HTML. Secrets (values of header fields
// that look like one, and the user in a URL) become "...".
void markup_command(FILE *out, int count, char *const *arguments);

#endif
