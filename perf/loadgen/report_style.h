// What the report's page looks like: light and dark, on paper, and on a small screen.
#ifndef RINGCAST_LOADGEN_REPORT_STYLE_H
#define RINGCAST_LOADGEN_REPORT_STYLE_H

// CSS.
extern const char report_style[];

#endif
