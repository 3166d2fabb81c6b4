#include "report.h"

#include <math.h>
#include <stdio.h>

#include "json_file.h"
#include "multihead/base/log.h"
#include "multihead/base/text.h"

/* The metrics of the whole model, in the order in which they are shown; names are scikit-learn's. */
typedef struct {
    const char *key, *title;
    double value, baseline;
} line;

enum { LINES = 7 };

static void collect(const mh_metrics *m, const mh_metrics *b, line lines[LINES])
{
    const line all[LINES] = {
        {"loss", "loss (mean over heads)", m->loss, b->loss},
        {"hamming_loss", "Hamming loss", m->hamming_loss, b->hamming_loss},
        {"subset_accuracy", "subset accuracy", m->subset_accuracy, b->subset_accuracy},
        {"f1_micro", "F1 micro", m->f1_micro, b->f1_micro},
        {"f1_macro", "F1 macro", m->f1_macro, b->f1_macro},
        {"f1_samples", "F1 samples", m->f1_samples, b->f1_samples},
        {"accuracy", "accuracy (mean over heads)", m->accuracy, b->accuracy},
    };

    for (size_t i = 0; i < LINES; i++)
        lines[i] = all[i];
}

/* ---- for people ---- */

static const char *show(double value, char buffer[MH_TEXT_BYTES])
{
    if (isfinite(value))
        snprintf(buffer, MH_TEXT_BYTES, "%.4f", value);
    else
        snprintf(buffer, MH_TEXT_BYTES, "-");
    return buffer;
}

void report_print(const mh_metrics *model, const mh_metrics *baseline, const mh_schema *schema)
{
    line lines[LINES];
    char a[MH_TEXT_BYTES], b[MH_TEXT_BYTES], c[MH_TEXT_BYTES], d[MH_TEXT_BYTES], e[MH_TEXT_BYTES];
    char name[MH_LABEL_NAME_BYTES];

    collect(model, baseline, lines);
    printf("%s rows\n\n%-28s %10s %10s\n", mh_text_count((size_t)model->rows, a), "", "model", "base rate");
    for (size_t i = 0; i < LINES; i++)
        printf("%-28s %10s %10s\n", lines[i].title, show(lines[i].value, a), show(lines[i].baseline, b));

    printf("\n%-20s %8s %10s %10s %10s %10s %10s\n", "head", "known", "loss", "base rate", "accuracy",
           "base rate", "F1");
    for (size_t h = 0; h < model->heads; h++) {
        const mh_head_metrics *head = &model->head[h], *base = &baseline->head[h];

        printf("%-20s %8lld %10s %10s %10s %10s %10s\n", mh_schema_label_name(schema, h, name),
               (long long)head->known, show(head->loss, a), show(base->loss, b), show(head->accuracy, c),
               show(base->accuracy, d), show(head->f1, e));
    }
}

enum { HEADS_NAMED = 10 };

void report_warn_of_heads(const mh_schema *schema, const double *loss, const double *base_loss)
{
    size_t weak = 0;
    char name[MH_LABEL_NAME_BYTES];

    for (size_t h = 0; h < schema->heads; h++) {
        /* Within half a percent: a head that has learned just its base rate comes out a little on either side. */
        if (!(loss[h] >= 0.995 * base_loss[h]))
            continue;
        if (++weak <= HEADS_NAMED)
            mh_log_warning("%s ends no better than its base rate: loss %.4f, base rate %.4f",
                           mh_schema_label_name(schema, h, name), loss[h], base_loss[h]);
    }
    if (weak > HEADS_NAMED)
        mh_log_warning("and %zu more heads end no better than their base rates", weak - HEADS_NAMED);
}

/* ---- for programs ---- */

static json_t *head_json(const mh_head_metrics *head, const char *name)
{
    json_t *object = json_object();

    if (name != NULL)
        json_object_set_new(object, "name", json_string(name));
    json_object_set_new(object, "accuracy", json_number(head->accuracy));
    json_object_set_new(object, "loss", json_number(head->loss));
    json_object_set_new(object, "precision", json_number(head->precision));
    json_object_set_new(object, "recall", json_number(head->recall));
    json_object_set_new(object, "f1", json_number(head->f1));
    json_object_set_new(object, "known", json_integer(head->known));
    /* With more classes than two there is no one class whose rows could be meant. */
    json_object_set_new(object, "support", isnan(head->f1) ? json_null() : json_integer(head->support));
    return object;
}

static json_t *report_json(const mh_metrics *model, const mh_metrics *baseline, const mh_schema *schema)
{
    line lines[LINES];
    json_t *root = json_object(), *base = json_object(), *heads = json_array();
    char name[MH_LABEL_NAME_BYTES];

    collect(model, baseline, lines);
    json_object_set_new(root, "rows", json_integer(model->rows));
    json_object_set_new(base, "rows", json_integer(baseline->rows));
    for (size_t i = 0; i < LINES; i++) {
        json_object_set_new(root, lines[i].key, json_number(lines[i].value));
        json_object_set_new(base, lines[i].key, json_number(lines[i].baseline));
    }
    for (size_t h = 0; h < model->heads; h++) {
        json_t *head = head_json(&model->head[h], mh_schema_label_name(schema, h, name));

        json_object_set_new(head, "baseline", head_json(&baseline->head[h], NULL));
        json_array_append_new(heads, head);
    }
    json_object_set_new(root, "baseline", base);
    json_object_set_new(root, "heads", heads);
    return root;
}

mh_status report_write_json(const char *path, const mh_metrics *model, const mh_metrics *baseline,
                            const mh_schema *schema)
{
    return json_file_write(path, report_json(model, baseline, schema));
}
