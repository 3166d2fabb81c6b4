#include "multihead/tensor/schema.h"

#include <stdio.h>
#include <string.h>

#include "multihead/base/memory.h"

mh_status mh_schema_create(size_t inputs, size_t heads, mh_schema *out)
{
    *out = (mh_schema){.inputs = inputs, .heads = heads};
    return mh_memory_array(heads, sizeof *out->classes, &out->classes);
}

mh_status mh_schema_copy(const mh_schema *schema, mh_schema *out)
{
    mh_status status = MH_OK;

    MH_TRY(mh_schema_create(schema->inputs, schema->heads, out));
    memcpy(out->classes, schema->classes, schema->heads * sizeof *schema->classes);
    MH_TRY(mh_schema_names_copy(schema->feature_names, schema->inputs, &out->feature_names));
    MH_TRY(mh_schema_names_copy(schema->label_names, schema->heads, &out->label_names));
    MH_TRY(mh_schema_names_copy(schema->class_names, schema->heads, &out->class_names));
cleanup:
    if (status != MH_OK)
        mh_schema_clear(out);
    return status;
}

void mh_schema_clear(mh_schema *schema)
{
    mh_memory_free(schema->classes);
    mh_schema_names_free(schema->feature_names, schema->inputs);
    mh_schema_names_free(schema->label_names, schema->heads);
    mh_schema_names_free(schema->class_names, schema->heads);
    *schema = (mh_schema){0};
}

mh_status mh_schema_names_create(size_t count, char ***out)
{
    return mh_memory_array(count, sizeof **out, out);
}

mh_status mh_schema_names_copy(char *const *names, size_t count, char ***out)
{
    mh_status status = MH_OK;

    *out = NULL;
    if (names == NULL)
        return MH_OK;
    MH_TRY(mh_schema_names_create(count, out));
    for (size_t i = 0; i < count; i++)
        MH_TRY(mh_memory_text(names[i], &(*out)[i]));
cleanup:
    if (status != MH_OK) {
        mh_schema_names_free(*out, count);
        *out = NULL;
    }
    return status;
}

void mh_schema_names_free(char **names, size_t count)
{
    if (names == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        mh_memory_free(names[i]);
    mh_memory_free(names);
}

const char *mh_schema_label_name(const mh_schema *schema, size_t head, char buffer[MH_LABEL_NAME_BYTES])
{
    if (schema->label_names != NULL && schema->label_names[head] != NULL)
        snprintf(buffer, MH_LABEL_NAME_BYTES, "%s", schema->label_names[head]);
    else
        snprintf(buffer, MH_LABEL_NAME_BYTES, "label_%zu", head + 1);
    return buffer;
}
