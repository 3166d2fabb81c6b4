#include "dataset_view.h"

#include <stdio.h>
#include <string.h>

#include "multihead/base/memory.h"
#include "multihead/base/text.h"
#include "multihead/data/shard.h"

enum { BLOCK_ROWS = 8192, BLOCK_BYTES = 1 << 26, HEADS_SHOWN = 50 };

/* How often each class of each label occurs, and how many labels are missing. */
typedef struct {
    size_t *classes; /* [heads] */
    int64_t *counts; /* [sum of classes] */
    size_t missing;
    float least, most; /* of the features */
} contents;

static void add_features(contents *contents, const float *features, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        contents->least = features[i] < contents->least ? features[i] : contents->least;
        contents->most = features[i] > contents->most ? features[i] : contents->most;
    }
}

/* Of wide rows, fewer at a time. */
static size_t rows_of_block(const mh_schema *schema)
{
    size_t rows = BLOCK_BYTES / (schema->inputs * sizeof(float) + schema->heads * sizeof(mh_label));

    return rows < 1 ? 1 : rows > BLOCK_ROWS ? BLOCK_ROWS : rows;
}

/* Twice through the rows where the number of classes is not told: first to find it. */
static mh_status read_contents(mh_dataset *dataset, contents *out)
{
    mh_status status = MH_OK;
    const mh_schema *schema = mh_dataset_schema(dataset);
    size_t rows = mh_dataset_rows(dataset), block_rows = rows_of_block(schema), sum = 0;
    mh_shard shard = {0};

    MH_TRY(mh_memory_array(schema->heads, sizeof *out->classes, &out->classes));
    memcpy(out->classes, schema->classes, schema->heads * sizeof *out->classes);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t first = 0; first < rows; first += block_rows) {
            size_t count = rows - first < block_rows ? rows - first : block_rows;

            MH_TRY(mh_shard_load(dataset, (mh_span){first, count}, &shard));
            if (pass == 0) {
                if (first == 0)
                    out->least = out->most = shard.features[0];
                add_features(out, shard.features, count * shard.inputs);
                mh_shard_raise_classes(&shard, out->classes);
                out->missing += mh_shard_missing_labels(&shard);
            } else {
                mh_shard_count_classes(&shard, out->classes, out->counts);
            }
            mh_shard_clear(&shard);
        }
        if (schema->heads == 0)
            break;
        for (size_t h = 0; pass == 0 && h < schema->heads; h++)
            sum += out->classes[h];
        if (pass == 0)
            MH_TRY(mh_memory_array(sum, sizeof *out->counts, &out->counts));
    }
cleanup:
    mh_shard_clear(&shard);
    return status;
}

static void print_labels(const mh_schema *schema, const contents *contents)
{
    const int64_t *counts = contents->counts;
    char name[MH_LABEL_NAME_BYTES];

    printf("  %-24s %8s  %s\n", "label", "classes", "rows of each class");
    for (size_t h = 0; h < schema->heads; h++) {
        if (h < HEADS_SHOWN) {
            printf("  %-24s %8zu ", mh_schema_label_name(schema, h, name), contents->classes[h]);
            for (size_t c = 0; c < contents->classes[h] && c < 12; c++)
                printf(" %lld", (long long)counts[c]);
            puts(contents->classes[h] > 12 ? " ..." : "");
        }
        counts += contents->classes[h];
    }
    if (schema->heads > HEADS_SHOWN)
        printf("  ... and %zu more\n", schema->heads - HEADS_SHOWN);
}

mh_status dataset_view_print(char *path)
{
    mh_status status = MH_OK;
    mh_dataset *dataset = NULL;
    mh_dataset_config config = {.paths = &path, .path_count = 1};
    contents contents = {0};
    char rows[MH_TEXT_BYTES];

    MH_TRY(mh_dataset_open(&config, &dataset));
    MH_TRY(read_contents(dataset, &contents));
    const mh_schema *schema = mh_dataset_schema(dataset);
    printf("%s: a data set\n  rows: %s\n  features: %zu, from %g to %g\n", mh_dataset_name(dataset),
           mh_text_count(mh_dataset_rows(dataset), rows), schema->inputs, (double)contents.least,
           (double)contents.most);
    if (schema->heads == 0) {
        puts("  no labels: good for predict only");
        goto cleanup;
    }
    printf("  labels: %zu", schema->heads);
    printf(contents.missing > 0 ? ", %zu entries missing\n" : ", none missing\n", contents.missing);
    print_labels(schema, &contents);
cleanup:
    mh_memory_free(contents.classes);
    mh_memory_free(contents.counts);
    mh_dataset_close(dataset);
    return status;
}
