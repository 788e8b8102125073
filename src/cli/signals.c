#include "cli/signals.h"

#include <string.h>

static volatile sig_atomic_t should_end;

static void on_signal(int number)
{
    (void)number;
    should_end = 1;
}

const volatile sig_atomic_t *signals_catch_end(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    action.sa_flags = (int)SA_RESETHAND;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    return &should_end;
}
