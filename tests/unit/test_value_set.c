#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "expect.h"
#include "multihead/data/value_set.h"

Test(value_set, texts_are_numbered_as_they_come)
{
    mh_value_set *set = NULL;
    long id = 0;

    MUST(mh_value_set_create(10, &set));
    MUST(mh_value_set_add(set, "red", &id));
    cr_expect(eq(long, id, 0));
    MUST(mh_value_set_add(set, "", &id));
    cr_expect(eq(long, id, 1));
    MUST(mh_value_set_add(set, "red", &id));
    cr_expect(eq(long, id, 0));
    cr_expect(eq(long, mh_value_set_find(set, "blue"), MH_VALUE_NONE));
    cr_expect(eq(sz, mh_value_set_count(set), 2));
    mh_value_set_destroy(set);
    cr_expect(eq(sz, mh_value_set_count(NULL), 0));
}

Test(value_set, takes_no_more_than_it_is_for)
{
    mh_value_set *set = NULL;
    long id = 0;

    MUST(mh_value_set_create(1, &set));
    MUST(mh_value_set_add(set, "red", NULL));
    MUST(mh_value_set_add(set, "blue", &id));
    cr_expect(eq(long, id, MH_VALUE_NONE));
    MUST(mh_value_set_add(set, "red", &id));
    cr_expect(eq(long, id, 0));
    mh_value_set_destroy(set);
}

Test(value_set, finds_each_of_many)
{
    enum { MANY = 20000 };
    mh_value_set *set = NULL;
    char text[32];

    MUST(mh_value_set_create(MANY, &set));
    for (long i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "value %ld", i * 7919);
        MUST(mh_value_set_add(set, text, NULL));
    }
    for (long i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "value %ld", i * 7919);
        cr_assert(mh_value_set_find(set, text) == i);
        cr_assert(strcmp(mh_value_set_text(set, (size_t)i), text) == 0);
    }
    mh_value_set_destroy(set);
}
