#include "report.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "json_file.h"
#include "multihead/base/log.h"
#include "multihead/base/text.h"

/* The metrics of the whole model, in the order in which they are shown; names are scikit-learn's. */
typedef struct {
    const char *key, *title;
    size_t place; /* in mh_metrics */
} line;

#define AT(field) offsetof(mh_metrics, field)

static const line lines[] = {
    {"loss", "loss (mean over heads)", AT(loss)},
    {"log_loss", "log loss of the probabilities", AT(log_loss)},
    {"accuracy", "accuracy (mean over heads)", AT(accuracy)},
    {"subset_accuracy", "subset accuracy (exact match)", AT(subset_accuracy)},
    {"hamming_loss", "Hamming loss", AT(hamming_loss)},
    {"f1_micro", "F1 micro", AT(f1_micro)},
    {"f1_macro", "F1 macro", AT(f1_macro)},
    {"f1_samples", "F1 samples", AT(f1_samples)},
    {"f1_macro_heads", "F1 over classes (mean)", AT(f1_macro_heads)},
    {"roc_auc_macro", "ROC AUC macro", AT(roc_auc_macro)},
    {"average_precision_macro", "average precision macro", AT(average_precision_macro)},
    {"label_ranking_average_precision", "ranking average precision", AT(label_ranking_average_precision)},
    {"ranking_loss", "ranking loss", AT(ranking_loss)},
    {"coverage_error", "coverage error (from 1)", AT(coverage_error)},
    {"one_error", "one-error", AT(one_error)},
    {"precision_at_1", "precision at 1", AT(precision_at[0])},
    {"precision_at_3", "precision at 3", AT(precision_at[1])},
    {"precision_at_5", "precision at 5", AT(precision_at[2])},
    {"ndcg_at_1", "nDCG at 1", AT(ndcg_at[0])},
    {"ndcg_at_3", "nDCG at 3", AT(ndcg_at[1])},
    {"ndcg_at_5", "nDCG at 5", AT(ndcg_at[2])},
};

enum { LINES = sizeof lines / sizeof lines[0] };

static double value_of(const mh_metrics *metrics, const line *l)
{
    return *(const double *)(const void *)((const char *)metrics + l->place);
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

/* What neither of the two has a number for is left out: rankings, where a head has more than two classes. */
static void print_whole(const mh_metrics *model, const mh_metrics *baseline)
{
    char a[MH_TEXT_BYTES], b[MH_TEXT_BYTES];

    printf("%s rows\n\n%-30s %10s %10s\n", mh_text_count((size_t)model->rows, a), "", "model", "base rate");
    for (size_t i = 0; i < LINES; i++) {
        double ours = value_of(model, &lines[i]), base = value_of(baseline, &lines[i]);

        if (isfinite(ours) || isfinite(base))
            printf("%-30s %10s %10s\n", lines[i].title, show(ours, a), show(base, b));
    }
}

/* Whether a head has a row in the table of yes-no heads, or in that of the others. */
static bool is_yes_no(const mh_head_metrics *head)
{
    return head->classes == 2;
}

static void print_yes_no_head(const char *name, const mh_head_metrics *head, const mh_head_metrics *base)
{
    const double values[] = {head->loss,   base->loss, head->accuracy, head->precision,
                             head->recall, head->f1,   head->roc_auc,  head->average_precision};
    char text[MH_TEXT_BYTES];

    printf("%-16.16s %7lld", name, (long long)head->support);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        printf(" %6.6s", show(values[i], text));
    putchar('\n');
}

static void print_other_head(const char *name, const mh_head_metrics *head, const mh_head_metrics *base)
{
    const double values[] = {head->loss, base->loss, head->accuracy, base->accuracy, head->f1_macro};
    char text[MH_TEXT_BYTES];

    printf("%-20.20s %8lld", name, (long long)head->known);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        printf(" %9s", show(values[i], text));
    putchar('\n');
}

static void print_heads(const mh_metrics *model, const mh_metrics *baseline, const mh_schema *schema,
                        bool wants_yes_no)
{
    char name[MH_LABEL_NAME_BYTES];
    bool is_first = true;

    for (size_t h = 0; h < model->heads; h++) {
        if (is_yes_no(&model->head[h]) != wants_yes_no)
            continue;
        if (is_first && wants_yes_no)
            printf("\n%-16s %7s %6s %6s %6s %6s %6s %6s %6s %6s\n", "head", "support", "loss", "base",
                   "accur.", "prec.", "recall", "F1", "AUC", "AP");
        else if (is_first)
            printf("\n%-20s %8s %9s %9s %9s %9s %9s\n", "head", "known", "loss", "base rate", "accuracy",
                   "base rate", "macro-F1");
        is_first = false;
        (wants_yes_no ? print_yes_no_head : print_other_head)(mh_schema_label_name(schema, h, name),
                                                              &model->head[h], &baseline->head[h]);
    }
}

void report_print(const mh_metrics *model, const mh_metrics *baseline, const mh_schema *schema)
{
    print_whole(model, baseline);
    print_heads(model, baseline, schema, true);
    print_heads(model, baseline, schema, false);
}

void report_print_conventions(void)
{
    puts(
        "\nMetrics have scikit-learn's names and conventions:\n"
        "  division by nothing   precision, recall and F1 are 0 (zero_division=0), also the F1 of a row\n"
        "                        with neither true nor predicted labels\n"
        "  missing labels        count nowhere; a row without a known label is left out, rankings need two\n"
        "  rankings              on the float32 probabilities of class 1, K = 2 everywhere; ties share the\n"
        "                        last place; at k, in P@k and nDCG@k, a lower label comes first\n"
        "  rows without labels   ranking average precision 1, ranking loss 0, coverage 0, nDCG 0, one-error "
        "1;\n"
        "                        rows with all labels: 1 and 0 for the first two\n"
        "  coverage error        counts from 1\n"
        "  P@k                   is divided by k; one-error is 1 - P@1\n"
        "  ROC AUC               of labels with both kinds of rows, ties count half; average precision of\n"
        "                        labels with a positive row; macro: the mean over those\n"
        "  loss                  mean over heads, as in training; log_loss: of the probabilities, clipped "
        "at\n"
        "                        2^-23, mean over heads with a known label\n"
        "  heads of K classes    f1_macro is over the classes true or predicted, f1_macro_heads the mean of\n"
        "                        it; with any K > 2 the metrics of yes-no labels are null");
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
    json_object_set_new(object, "log_loss", json_number(head->log_loss));
    json_object_set_new(object, "f1_macro", json_number(head->f1_macro));
    json_object_set_new(object, "precision", json_number(head->precision));
    json_object_set_new(object, "recall", json_number(head->recall));
    json_object_set_new(object, "f1", json_number(head->f1));
    json_object_set_new(object, "roc_auc", json_number(head->roc_auc));
    json_object_set_new(object, "average_precision", json_number(head->average_precision));
    json_object_set_new(object, "known", json_integer(head->known));
    /* With more classes than two there is no one class whose rows could be meant. */
    json_object_set_new(object, "support", is_yes_no(head) ? json_integer(head->support) : json_null());
    return object;
}

static json_t *report_json(const mh_metrics *model, const mh_metrics *baseline, const mh_schema *schema)
{
    json_t *root = json_object(), *base = json_object(), *heads = json_array();
    char name[MH_LABEL_NAME_BYTES];

    json_object_set_new(root, "rows", json_integer(model->rows));
    json_object_set_new(base, "rows", json_integer(baseline->rows));
    for (size_t i = 0; i < LINES; i++) {
        json_object_set_new(root, lines[i].key, json_number(value_of(model, &lines[i])));
        json_object_set_new(base, lines[i].key, json_number(value_of(baseline, &lines[i])));
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
