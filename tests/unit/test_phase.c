#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "multihead/base/phase.h"

static void expect_description(const char *expected, size_t bytes)
{
    char text[64];

    mh_phase_describe(text, bytes);
    cr_expect(strcmp(text, expected) == 0, "'%s' instead of '%s'", text, expected);
}

Test(phase, a_process_says_what_it_does_and_in_which_step)
{
    expect_description("starting", 64);
    mh_phase_enter("reading rows");
    expect_description("reading rows", 64);
    mh_phase_set_step(1070);
    expect_description("reading rows, step 1070", 64);
    expect_description("reading", 8);
}

Test(phase, who_gets_on_shows_it)
{
    uint64_t before = mh_phase_beats();

    cr_expect(mh_phase_beats() == before);
    mh_phase_beat();
    cr_expect(mh_phase_beats() != before);
    before = mh_phase_beats();
    mh_phase_enter("training");
    cr_expect(mh_phase_beats() != before);
}
