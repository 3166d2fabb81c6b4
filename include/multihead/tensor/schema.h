#ifndef MULTIHEAD_TENSOR_SCHEMA_H
#define MULTIHEAD_TENSOR_SCHEMA_H

#include <stddef.h>

#include "multihead/base/status.h"

/* What the columns of a data set mean, and so what a model of it takes and gives. */
typedef struct {
    size_t inputs;        /* columns of features                                            */
    size_t heads;         /* columns of labels; 0 where there are none                      */
    size_t *classes;      /* [heads] 2 or more; 0 while not known                           */
    char **feature_names; /* [inputs], or NULL                                              */
    char **label_names;   /* [heads], or NULL                                               */
    char **class_names;   /* [heads] the names of a head's classes as "a|b|c", or NULL      */
} mh_schema;

/** Everything in `out` belongs to it; free with mh_schema_clear. */
mh_status mh_schema_create(size_t inputs, size_t heads, mh_schema *out);
mh_status mh_schema_copy(const mh_schema *schema, mh_schema *out);
void mh_schema_clear(mh_schema *schema);

/** A list of `count` texts, each NULL at first; free with mh_schema_names_free. */
mh_status mh_schema_names_create(size_t count, char ***out);
mh_status mh_schema_names_copy(char *const *names, size_t count, char ***out);
void mh_schema_names_free(char **names, size_t count);

enum { MH_LABEL_NAME_BYTES = 128 };

/** The head's name, or "label_3" for the third one of a data set that has no names. */
const char *mh_schema_label_name(const mh_schema *schema, size_t head, char buffer[MH_LABEL_NAME_BYTES]);

#endif
