#include "column_roles.h"

#include <string.h>

#include "column_list.h"
#include "label_xml.h"
#include "multihead/base/text.h"

static mh_status mark_named_in_xml(const char *xml, const char *path, const mh_text_header *header,
                                   bool *is_label)
{
    mh_status status = MH_OK;
    mh_value_set *names = NULL;
    size_t found = 0;
    char excerpt[MH_TEXT_BYTES];

    MH_TRY(label_xml_read(xml, &names));
    for (size_t i = 0; i < header->columns; i++) {
        is_label[i] = mh_value_set_find(names, header->column[i].name) != MH_VALUE_NONE;
        found += is_label[i];
    }
    for (size_t n = 0; n < mh_value_set_count(names) && found < mh_value_set_count(names); n++) {
        const char *name = mh_value_set_text(names, n);
        bool is_there = false;

        for (size_t i = 0; i < header->columns && !is_there; i++)
            is_there = strcmp(header->column[i].name, name) == 0;
        if (!is_there) {
            status = MH_FAIL(MH_ERR_FORMAT, "%s: label \"%s\" is no column of %s", xml,
                             mh_text_excerpt(name, excerpt), path);
            goto cleanup;
        }
    }
cleanup:
    mh_value_set_destroy(names);
    return status;
}

/* -C n: the first n columns, or with a minus the last ones. */
static mh_status mark_counted(const char *path, const mh_text_header *header, bool *is_label)
{
    size_t columns = header->columns;
    size_t count = (size_t)(header->label_count < 0 ? -header->label_count : header->label_count);

    if (count >= columns)
        return MH_FAIL(MH_ERR_FORMAT, "%s: @relation says -C %ld, but there are only %zu attributes", path,
                       header->label_count, columns);
    for (size_t i = 0; i < count; i++)
        is_label[header->label_count > 0 ? i : columns - 1 - i] = true;
    return MH_OK;
}

static mh_status mark_labels(const mh_column_choice *choice, const char *path, const mh_text_header *header,
                             bool *is_label)
{
    if (choice->label_xml != NULL)
        return mark_named_in_xml(choice->label_xml, path, header, is_label);
    if (choice->label_columns != NULL)
        return strcmp(choice->label_columns, "none") == 0
                   ? MH_OK
                   : column_list_mark("--label-columns", choice->label_columns, path, header, is_label);
    if (header->has_label_count)
        return mark_counted(path, header, is_label);
    if (header->format == MH_FORMAT_ARFF)
        return MH_FAIL(
            MH_ERR_USAGE,
            "%s does not say which attributes are labels (its @relation has no -C n): add --label-xml "
            "FILE, or --label-columns 1-6, names, or none",
            path);
    return MH_OK;
}

mh_status column_roles_find(const mh_column_choice *choice, const char *path, const mh_text_header *header,
                            bool *is_label, bool *is_dropped, bool *is_categorical)
{
    mh_status status = MH_OK;
    size_t features = 0;

    MH_TRY(mark_labels(choice, path, header, is_label));
    if (choice->drop_columns != NULL)
        MH_TRY(column_list_mark("--drop-columns", choice->drop_columns, path, header, is_dropped));
    if (choice->categorical_columns != NULL)
        MH_TRY(column_list_mark("--categorical-columns", choice->categorical_columns, path, header,
                                is_categorical));
    for (size_t i = 0; i < header->columns; i++) {
        if (is_label[i] && is_dropped[i] && choice->label_xml == NULL && choice->label_columns != NULL) {
            status = MH_FAIL(MH_ERR_USAGE, "%s: column %zu (%.100s) is both a label and dropped", path, i + 1,
                             header->column[i].name);
            goto cleanup;
        }
        is_label[i] = is_label[i] && !is_dropped[i];
        features += !is_label[i] && !is_dropped[i];
    }
    if (features == 0)
        status = MH_FAIL(MH_ERR_USAGE, "%s: no column is left for features", path);
cleanup:
    return status;
}
