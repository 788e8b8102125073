#include "conn/agents.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct agents agents;

Test(agents, equal_texts_share_a_number)
{
    agents_init(&agents);
    uint32_t curl = agents_intern(&agents, slice_of("curl/8"));
    uint32_t node = agents_intern(&agents, slice_of("node"));
    cr_assert_neq(curl, node);
    cr_assert_eq(agents_intern(&agents, slice_of("curl/8")), curl);
    cr_assert(slice_equal_text(agents_text(&agents, node), "node"));
    cr_assert_eq(agents_intern(&agents, slice_empty()), 0);
    cr_assert_eq(agents_text(&agents, 0).length, 0);
    agents_free(&agents);
}

Test(agents, are_bounded_in_number_and_length)
{
    agents_init(&agents);
    uint32_t last = 0;
    for (int i = 0; i < 2 * AGENTS_MAX; i++) {
        char text[32];
        snprintf(text, sizeof(text), "agent %d", i);
        last = agents_intern(&agents, slice_of(text));
    }
    cr_assert(slice_equal_text(agents_text(&agents, last), "(other)"));
    cr_assert_eq(agents.count, AGENTS_MAX);
    agents_free(&agents);
    agents_init(&agents);
    uint8_t text[3 * AGENT_BYTES_MAX];
    memset(text, 'x', sizeof(text));
    uint32_t number = agents_intern(&agents, slice_from(text, sizeof(text)));
    cr_assert_eq(agents_text(&agents, number).length, AGENT_BYTES_MAX);
    agents_free(&agents);
}

Test(agents, are_kept_as_utf8)
{
    agents_init(&agents);
    uint32_t number = agents_intern(&agents, slice_of("a\xff\xc3\xa9\xe2\x82"));
    cr_assert(slice_equal_text(agents_text(&agents, number), "a?\xc3\xa9??"));
    char text[AGENT_BYTES_MAX + 2];
    memset(text, 'x', sizeof(text));
    memcpy(text + AGENT_BYTES_MAX - 1, "\xc3\xa9", 3); // cut in the middle
    number = agents_intern(&agents, slice_of(text));
    cr_assert_eq(agents_text(&agents, number).at[AGENT_BYTES_MAX - 1], '?');
    agents_free(&agents);
}
