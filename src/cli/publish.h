// `ringcast publish`.
#ifndef RINGCAST_CLI_PUBLISH_H
#define RINGCAST_CLI_PUBLISH_H

// argv[0] is "publish". Returns the exit status: 0 all events were acknowledged, 1 some were not, 2
// wrong usage.
int cli_publish(int argc, char **argv);

#endif
