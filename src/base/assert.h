// Assertions that stay on in production. They are for programmer errors only: arguments, states
// and sizes. Bad input from a client, a producer or the disk is never asserted on.
#ifndef RINGCAST_BASE_ASSERT_H
#define RINGCAST_BASE_ASSERT_H

// Prints "file:line: function: assertion failed: condition" to stderr and aborts. Any thread.
_Noreturn void assert_failed(const char *condition, const char *file, int line,
                             const char *function);

#define ASSERT(condition)                                                                        \
    (__builtin_expect(!(condition), 0) ? assert_failed(#condition, __FILE__, __LINE__, __func__) \
                                       : (void)0)

// For a branch that no valid program state reaches.
#define UNREACHABLE()                    assert_failed("unreachable", __FILE__, __LINE__, __func__)

#define STATIC_ASSERT(condition, reason) _Static_assert(condition, reason)

#endif
