#include "column_match.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "multihead/base/memory.h"

/* The first of `count` names in which two lists differ; `count` where none does, or a list is not there. */
static size_t differ_at(size_t count, char *const *a, char *const *b)
{
    if (a == NULL || b == NULL)
        return count;
    for (size_t i = 0; i < count; i++)
        if (strcmp(a[i], b[i]) != 0)
            return i;
    return count;
}

typedef struct {
    const char *name;
    size_t place;
    size_t times; /* it was asked for */
} entry;

static int compare(const void *a, const void *b)
{
    return strcmp(((const entry *)a)->name, ((const entry *)b)->name);
}

/*
 * Finds the place of each of some names among all. `odd` is the first that is not there, or is asked for twice;
 * some_count when all is well. Fails for memory only.
 */
static mh_status find(size_t some_count, char *const *some, size_t all_count, char *const *all,
                      size_t *places, size_t *odd)
{
    mh_status status = MH_OK;
    entry *sorted = NULL;

    MH_TRY(mh_memory_array(all_count, sizeof *sorted, &sorted));
    for (size_t i = 0; i < all_count; i++)
        sorted[i] = (entry){.name = all[i], .place = i};
    qsort(sorted, all_count, sizeof *sorted, compare);
    for (*odd = 0; *odd < some_count; ++*odd) {
        entry wanted = {.name = some[*odd]};
        entry *found = bsearch(&wanted, sorted, all_count, sizeof *sorted, compare);

        if (found == NULL || found->times++ > 0)
            break;
        places[*odd] = found->place;
    }
cleanup:
    mh_memory_free(sorted);
    return status;
}

mh_status column_match_files(const char *path, const mh_schema *schema, const char *first_path,
                             const mh_schema *first)
{
    size_t label = differ_at(first->heads, schema->label_names, first->label_names);
    size_t feature = differ_at(first->inputs, schema->feature_names, first->feature_names);

    if (label < first->heads)
        return MH_FAIL(MH_ERR_FORMAT, "%s: label %zu is \"%s\", but in %s it is \"%s\"", path, label + 1,
                       schema->label_names[label], first_path, first->label_names[label]);
    if (feature < first->inputs)
        return MH_FAIL(MH_ERR_FORMAT, "%s: feature %zu is \"%s\", but in %s it is \"%s\"", path, feature + 1,
                       schema->feature_names[feature], first_path, first->feature_names[feature]);
    return MH_OK;
}

mh_status column_match_features(const char *name, const mh_schema *schema, const mh_schema *model)
{
    if (schema->inputs != model->inputs)
        return MH_FAIL(MH_ERR_FORMAT, "%s: has %zu features, but the model takes %zu", name, schema->inputs,
                       model->inputs);
    size_t feature = differ_at(schema->inputs, schema->feature_names, model->feature_names);

    if (feature < schema->inputs)
        return MH_FAIL(
            MH_ERR_FORMAT,
            "%s: the features have other names or another order than the model's: feature %zu is "
            "\"%s\", not \"%s\"; without the attribute feature_names they are taken in their order",
            name, feature + 1, schema->feature_names[feature], model->feature_names[feature]);
    return MH_OK;
}

static mh_status find_labels(const char *name, const mh_schema *schema, const mh_schema *model,
                             size_t **head_of)
{
    mh_status status = MH_OK;
    size_t odd = 0;

    MH_TRY(mh_memory_array(schema->heads, sizeof **head_of, head_of));
    MH_TRY(find(schema->heads, schema->label_names, model->heads, model->label_names, *head_of, &odd));
    if (odd < schema->heads)
        status = MH_FAIL(MH_ERR_FORMAT,
                         "%s: label %zu, \"%s\", is not among the model's %zu labels, or stands there twice; "
                         "without the attribute label_names labels are taken in their order",
                         name, odd + 1, schema->label_names[odd], model->heads);
cleanup:
    if (status != MH_OK) {
        mh_memory_free(*head_of);
        *head_of = NULL;
    }
    return status;
}

mh_status column_match_labels(const char *name, const mh_schema *schema, const mh_schema *model,
                              size_t **head_of)
{
    bool has_names = schema->label_names != NULL && model->label_names != NULL;
    bool is_as_many = schema->heads == model->heads;

    *head_of = NULL;
    if (has_names &&
        (!is_as_many || differ_at(schema->heads, schema->label_names, model->label_names) < schema->heads))
        return find_labels(name, schema, model, head_of);
    if (is_as_many)
        return MH_OK;
    return MH_FAIL(
        MH_ERR_FORMAT,
        "%s: has %zu labels, but the model has %zu heads; which of them they are could be told only if "
        "both had names (attribute label_names of /labels). predict needs no labels",
        name, schema->heads, model->heads);
}
