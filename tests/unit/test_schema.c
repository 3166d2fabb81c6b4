#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "expect.h"
#include "multihead/base/memory.h"
#include "multihead/tensor/schema.h"
#include "toy.h"

Test(schema, copy_has_its_own_memory)
{
    mh_schema schema = toy_schema(3, 2, (const size_t[]){2, 4}), copy;

    MUST(mh_schema_names_create(2, &schema.label_names));
    MUST(mh_memory_text("sunny", &schema.label_names[0]));
    MUST(mh_schema_copy(&schema, &copy));
    schema.label_names[0][0] = 'f';
    schema.classes[1] = 9;
    cr_expect(eq(sz, copy.inputs, 3));
    cr_expect(eq(sz, copy.heads, 2));
    cr_expect(eq(sz, copy.classes[1], 4));
    cr_expect(strcmp(copy.label_names[0], "sunny") == 0);
    cr_expect(copy.label_names[1] == NULL);
    cr_expect(copy.feature_names == NULL);
    mh_schema_clear(&schema);
    mh_schema_clear(&copy);
}

Test(schema, labels_without_a_name_are_numbered_from_one)
{
    mh_schema schema = toy_schema(3, 2, (const size_t[]){2, 2});
    char name[MH_LABEL_NAME_BYTES];

    cr_expect(strcmp(mh_schema_label_name(&schema, 1, name), "label_2") == 0);
    MUST(mh_schema_names_create(2, &schema.label_names));
    MUST(mh_memory_text("sunny", &schema.label_names[0]));
    cr_expect(strcmp(mh_schema_label_name(&schema, 0, name), "sunny") == 0);
    cr_expect(strcmp(mh_schema_label_name(&schema, 1, name), "label_2") == 0);
    mh_schema_clear(&schema);
}
