#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fixture_file.h"
#include "multihead/base/memory.h"
#include "multihead/data/generator.h"

static const mh_generator_config tutorial = {.method = MH_GENERATOR_SKLEARN,
                                             .samples = 10000,
                                             .features = 12,
                                             .labels = 5,
                                             .categories = 2,
                                             .mean_labels = 2.0,
                                             .length = 50.0,
                                             .allow_unlabeled = true,
                                             .seed = 1};

/* The same with twenty features and the fixtures' 500 rows. */
static mh_generator_config small(uint64_t seed, size_t labels, double mean_labels, double length)
{
    mh_generator_config config = tutorial;

    config.samples = 500;
    config.features = 20;
    config.labels = labels;
    config.mean_labels = mean_labels;
    config.length = length;
    config.seed = seed;
    return config;
}

static mh_generator_config rowwise(size_t categories)
{
    mh_generator_config config = tutorial;

    config.method = MH_GENERATOR_ROWWISE;
    config.samples = 2000;
    config.categories = categories;
    return config;
}

/* Rows with the arrays that hold them. */
typedef struct {
    size_t count;
    size_t inputs;
    size_t heads;
    float *features;
    mh_label *labels;
} held_rows;

static mh_generator *create(const mh_generator_config *config)
{
    mh_generator *generator = NULL;

    cr_assert(mh_generator_create(config, &generator) == MH_OK, "%s", mh_status_message());
    return generator;
}

static held_rows hold(const mh_generator_config *config, size_t count)
{
    held_rows rows = {.count = count, .inputs = config->features, .heads = config->labels};

    rows.features = malloc(count * rows.inputs * sizeof *rows.features);
    rows.labels = malloc(count * rows.heads * sizeof *rows.labels);
    cr_assert(rows.features != NULL && rows.labels != NULL);
    /* Neither a count nor a class: what is not written shows. */
    memset(rows.features, 0xff, count * rows.inputs * sizeof *rows.features);
    memset(rows.labels, 0xff, count * rows.heads * sizeof *rows.labels);
    return rows;
}

static void let_go(held_rows *rows)
{
    free(rows->features);
    free(rows->labels);
}

static void fill(mh_generator *generator, held_rows *rows, size_t first, size_t count)
{
    cr_assert(mh_generator_rows(generator, first, count, rows->features + first * rows->inputs,
                                rows->labels + first * rows->heads) == MH_OK);
}

static held_rows all_rows(const mh_generator_config *config)
{
    mh_generator *generator = create(config);
    held_rows rows = hold(config, config->samples);

    fill(generator, &rows, 0, rows.count);
    mh_generator_destroy(generator);
    return rows;
}

static bool are_equal(const held_rows *a, const held_rows *b)
{
    return a->count == b->count &&
           memcmp(a->features, b->features, a->count * a->inputs * sizeof *a->features) == 0 &&
           memcmp(a->labels, b->labels, a->count * a->heads * sizeof *a->labels) == 0;
}

static void expect_rows_of(const char *file, const mh_generator_config *config)
{
    held_rows rows = all_rows(config);
    fixture_shape x_shape, y_shape;
    float *x = fixture_read_float(file, "x", &x_shape);
    uint8_t *y = fixture_read_uint8(file, "y", &y_shape);
    size_t wrong_labels = 0;

    cr_assert(eq(sz, x_shape.extent[0], rows.count));
    cr_assert(eq(sz, x_shape.count, rows.count * rows.inputs));
    cr_assert(eq(sz, y_shape.count, rows.count * rows.heads));
    cr_expect(memcmp(x, rows.features, x_shape.count * sizeof *x) == 0);
    for (size_t i = 0; i < y_shape.count; i++)
        wrong_labels += y[i] != rows.labels[i];
    cr_expect(zero(sz, wrong_labels));
    free(x);
    free(y);
    let_go(&rows);
}

static void expect_distributions_of(const char *file, const mh_generator_config *config)
{
    mh_generator *generator = create(config);
    const double *label_probability = NULL, *word_probability = NULL;
    fixture_shape label_shape, word_shape;
    double *p_c = fixture_read_double(file, "p_c", &label_shape);
    double *p_w_c = fixture_read_double(file, "p_w_c", &word_shape);

    mh_generator_distributions(generator, &label_probability, &word_probability);
    cr_assert(eq(sz, label_shape.count, config->labels));
    cr_assert(eq(sz, word_shape.count, config->features * config->labels));
    cr_expect(memcmp(p_c, label_probability, label_shape.count * sizeof *p_c) == 0);
    cr_expect(memcmp(p_w_c, word_probability, word_shape.count * sizeof *p_w_c) == 0);
    free(p_c);
    free(p_w_c);
    mh_generator_destroy(generator);
}

Test(generator, equals_scikit_learn_seed1)
{
    expect_rows_of("sklearn_multilabel_seed1.h5", &tutorial);
    expect_distributions_of("sklearn_multilabel_seed1.h5", &tutorial);
}

Test(generator, equals_scikit_learn_seed42)
{
    mh_generator_config config = small(42, 7, 3.0, 30.0);

    expect_rows_of("sklearn_multilabel_seed42.h5", &config);
    expect_distributions_of("sklearn_multilabel_seed42.h5", &config);
}

Test(generator, equals_scikit_learn_without_unlabeled_rows)
{
    mh_generator_config config = small(7, 7, 1.0, 30.0);

    config.allow_unlabeled = false;
    expect_rows_of("sklearn_multilabel_nounlabeled.h5", &config);
    expect_distributions_of("sklearn_multilabel_nounlabeled.h5", &config);
}

/* Here the order of a Python set and numpy's pairwise sum decide last bits. */
Test(generator, equals_scikit_learn_with_many_labels)
{
    mh_generator_config config = small(3, 30, 12.0, 8.0);

    expect_rows_of("sklearn_multilabel_manylabels.h5", &config);
    expect_distributions_of("sklearn_multilabel_manylabels.h5", &config);
}

Test(generator, first_rows_do_not_depend_on_how_many_there_are)
{
    mh_generator_config config = small(42, 7, 3.0, 30.0);
    held_rows many = all_rows(&config);

    config.samples = 100;

    held_rows few = all_rows(&config);

    many.count = few.count;
    cr_expect(are_equal(&many, &few));
    let_go(&many);
    let_go(&few);
}

static void expect_pieces_equal_whole(const mh_generator_config *config)
{
    static const size_t piece_rows[] = {1, 0, 7, 100, 2};
    mh_generator *generator = create(config);
    held_rows whole = all_rows(config);
    held_rows pieces = hold(config, config->samples);

    for (size_t first = 0, piece = 0; first < pieces.count; piece++) {
        size_t count = piece_rows[piece % 5];

        if (count > pieces.count - first)
            count = pieces.count - first;
        fill(generator, &pieces, first, count);
        first += count;
    }
    cr_expect(are_equal(&whole, &pieces));
    mh_generator_destroy(generator);
    let_go(&whole);
    let_go(&pieces);
}

/* The second half first: going on after a gap, and going back. */
static void expect_halves_equal_whole(const mh_generator_config *config)
{
    mh_generator *generator = create(config);
    held_rows whole = all_rows(config);
    held_rows halves = hold(config, config->samples);
    size_t half = config->samples / 2;

    fill(generator, &halves, half, config->samples - half);
    fill(generator, &halves, 0, half);
    cr_expect(are_equal(&whole, &halves));
    mh_generator_destroy(generator);
    let_go(&whole);
    let_go(&halves);
}

Test(generator, pieces_equal_the_whole)
{
    mh_generator_config config = small(42, 7, 3.0, 30.0);

    expect_pieces_equal_whole(&config);
}

Test(generator, goes_over_a_gap_and_back)
{
    mh_generator_config config = small(42, 7, 3.0, 30.0);

    expect_halves_equal_whole(&config);
}

Test(generator, rowwise_rows_do_not_depend_on_the_blocks)
{
    mh_generator_config two = rowwise(2), four = rowwise(4);

    expect_pieces_equal_whole(&two);
    expect_pieces_equal_whole(&four);
    expect_halves_equal_whole(&two);
    expect_halves_equal_whole(&four);
}

Test(generator, rowwise_reaches_a_far_row_at_once, .timeout = 10)
{
    mh_generator_config config = rowwise(2);

    config.samples = (size_t)1 << 62;

    mh_generator *generator = create(&config);
    held_rows first = hold(&config, 1), last = hold(&config, 1);

    cr_assert(mh_generator_rows(generator, 0, 1, first.features, first.labels) == MH_OK);
    cr_assert(mh_generator_rows(generator, config.samples - 1, 1, last.features, last.labels) == MH_OK);
    cr_expect(not(are_equal(&first, &last)));
    mh_generator_destroy(generator);
    let_go(&first);
    let_go(&last);
}

Test(generator, rowwise_rows_depend_on_the_seed)
{
    mh_generator_config config = rowwise(2);
    held_rows one = all_rows(&config);

    config.seed += (uint64_t)1 << 32; /* its high half counts too */

    held_rows other = all_rows(&config);

    cr_expect(not(are_equal(&one, &other)));
    let_go(&one);
    let_go(&other);
}

static double mean_words(const held_rows *rows)
{
    double sum = 0.0;

    for (size_t i = 0; i < rows->count * rows->inputs; i++)
        sum += (double)rows->features[i];
    return sum / (double)rows->count;
}

/* How many labels row `row` has. */
static size_t labels_of(const held_rows *rows, size_t row)
{
    size_t labels = 0;

    for (size_t head = 0; head < rows->heads; head++)
        labels += rows->labels[row * rows->heads + head];
    return labels;
}

/* Poisson(2) cut at 5 labels has mean 1.89 and deviation 1.25; 2000 rows give 1.89 +- 0.03, the tolerance is
 * 4 of these. Words: 50 +- 7 / sqrt(2000) = 0.16. */
Test(generator, rowwise_has_the_means_asked_for)
{
    mh_generator_config config = rowwise(2);
    held_rows rows = all_rows(&config);
    double labels = 0.0;

    for (size_t row = 0; row < rows.count; row++) {
        cr_assert(labels_of(&rows, row) <= config.labels);
        labels += (double)labels_of(&rows, row);
    }
    cr_expect(epsilon_eq(dbl, labels / (double)rows.count, 1.89, 0.12));
    cr_expect(epsilon_eq(dbl, mean_words(&rows), 50.0, 0.64));
    let_go(&rows);
}

/* Also where a row wants nearly every label, of which some are rare. */
Test(generator, rowwise_leaves_no_row_unlabeled_unless_allowed, .timeout = 10)
{
    mh_generator_config config = rowwise(2);

    config.allow_unlabeled = false;
    config.labels = 300;
    config.mean_labels = 298.0;

    held_rows many = all_rows(&config);

    config.mean_labels = 0.01;

    held_rows few = all_rows(&config);

    for (size_t row = 0; row < config.samples; row++) {
        cr_assert(ge(sz, labels_of(&many, row), 200));
        cr_assert(ge(sz, labels_of(&few, row), 1));
    }
    let_go(&many);
    let_go(&few);
}

Test(generator, rowwise_uses_every_class)
{
    mh_generator_config config = rowwise(4);
    held_rows rows = all_rows(&config);

    for (size_t head = 0; head < rows.heads; head++) {
        size_t seen[4] = {0};

        for (size_t row = 0; row < rows.count; row++) {
            cr_assert(lt(sz, (size_t)rows.labels[row * rows.heads + head], 4));
            seen[rows.labels[row * rows.heads + head]]++;
        }
        for (size_t class = 0; class < 4; class ++)
            cr_expect(ge(sz, seen[class], 1), "class %zu of head %zu", class, head);
    }
    cr_expect(epsilon_eq(dbl, mean_words(&rows), 50.0, 0.64)); /* as above */
    let_go(&rows);
}

/* A word tells the classes of one head apart: nearest mean word counts against always the commonest class. */
Test(generator, rowwise_classes_can_be_told_from_the_words)
{
    mh_generator_config config = rowwise(4);

    config.labels = 1;

    held_rows rows = all_rows(&config);
    double means[4][12] = {{0}}, members[4] = {0};
    size_t right = 0;

    for (size_t row = 0; row < rows.count; row++) {
        members[rows.labels[row]]++;
        for (size_t word = 0; word < 12; word++)
            means[rows.labels[row]][word] += (double)rows.features[row * 12 + word];
    }
    for (size_t row = 0; row < rows.count; row++) {
        double nearest = INFINITY;
        size_t guess = 0;

        for (size_t class = 0; class < 4; class ++) {
            double distance = 0.0;

            for (size_t word = 0; word < 12; word++)
                distance +=
                    pow(means[class][word] / members[class] - (double)rows.features[row * 12 + word], 2);
            if (distance < nearest) {
                nearest = distance;
                guess = class;
            }
        }
        right += guess == rows.labels[row];
    }
    cr_expect(ge(sz, right, rows.count * 9 / 10));
    let_go(&rows);
}

Test(generator, rows_allocate_nothing)
{
    mh_generator_config config = small(3, 30, 12.0, 8.0);
    mh_generator *generator = create(&config);
    held_rows rows = hold(&config, config.samples);
    uint64_t before = mh_memory_allocations();

    fill(generator, &rows, 0, config.samples);
    cr_expect(eq(u64, mh_memory_allocations(), before));
    mh_generator_destroy(generator);
    let_go(&rows);
}

Test(generator, takes_the_largest_seed_of_scikit_learn)
{
    mh_generator_config config = tutorial;

    config.seed = UINT32_MAX;
    mh_generator_destroy(create(&config));
}

Test(generator, takes_any_mean_labels_with_more_categories)
{
    mh_generator_config config = rowwise(3);

    config.mean_labels = -1.0;
    mh_generator_destroy(create(&config));
}

Test(generator, rowwise_has_no_scikit_learn_distributions)
{
    mh_generator_config config = rowwise(2);
    mh_generator *generator = create(&config);
    const double *label_probability = &config.length, *word_probability = &config.length;

    mh_generator_distributions(generator, &label_probability, &word_probability);
    cr_expect(label_probability == NULL && word_probability == NULL);
    mh_generator_destroy(generator);
}

static void expect_failure(const mh_generator_config *config, mh_status code, const char *words)
{
    mh_generator *generator = (mh_generator *)&generator; /* anything but NULL */

    cr_expect(mh_generator_create(config, &generator) == code, "%s", words);
    cr_expect(generator == NULL, "%s", words);
    cr_expect(strstr(mh_status_message(), words) != NULL, "'%s' does not say '%s'", mh_status_message(),
              words);
}

/* One field of the config changed. */
#define EXPECT_USAGE(base, field, value, option)                                                             \
    do {                                                                                                     \
        mh_generator_config changed = (base);                                                                \
        changed.field = (value);                                                                             \
        expect_failure(&changed, MH_ERR_USAGE, (option));                                                    \
    } while (0)

Test(generator, refuses_empty_sizes)
{
    EXPECT_USAGE(tutorial, samples, 0, "--samples");
    EXPECT_USAGE(tutorial, features, 0, "--features");
    EXPECT_USAGE(tutorial, labels, 0, "--labels");
}

Test(generator, refuses_wrong_categories)
{
    EXPECT_USAGE(tutorial, categories, 3, "--categories");
    EXPECT_USAGE(rowwise(2), categories, 0, "--categories");
    EXPECT_USAGE(rowwise(2), categories, 1, "--categories");
    EXPECT_USAGE(rowwise(2), categories, (size_t)MH_CLASSES_MAX + 1, "--categories");
}

Test(generator, refuses_what_scikit_learn_cannot_count)
{
    EXPECT_USAGE(tutorial, seed, (uint64_t)1 << 32, "--seed");
    EXPECT_USAGE(tutorial, features, (size_t)1 << 31, "--features");
    EXPECT_USAGE(tutorial, labels, (size_t)1 << 31, "--labels");
}

Test(generator, refuses_a_length_that_is_not_above_zero)
{
    EXPECT_USAGE(tutorial, length, 0.0, "--length");
    EXPECT_USAGE(tutorial, length, -1.0, "--length");
    EXPECT_USAGE(tutorial, length, (double)NAN, "--length");
    EXPECT_USAGE(tutorial, length, (double)INFINITY, "--length");
    EXPECT_USAGE(rowwise(4), length, 1e-9, "--length");
    EXPECT_USAGE(rowwise(4), length, 1e8, "--length");
}

Test(generator, refuses_mean_labels_that_would_never_fit, .timeout = 10)
{
    mh_generator_config none_unlabeled = tutorial;

    none_unlabeled.allow_unlabeled = false;
    EXPECT_USAGE(tutorial, mean_labels, -0.5, "--mean-labels");
    EXPECT_USAGE(tutorial, mean_labels, (double)NAN, "--mean-labels");
    EXPECT_USAGE(tutorial, mean_labels, (double)INFINITY, "--mean-labels");
    EXPECT_USAGE(tutorial, mean_labels, 50.0, "--mean-labels");
    EXPECT_USAGE(tutorial, mean_labels, 1e6, "--mean-labels");
    EXPECT_USAGE(rowwise(2), mean_labels, 1e300, "--mean-labels");
    EXPECT_USAGE(none_unlabeled, mean_labels, 0.0, "--mean-labels");
    EXPECT_USAGE(none_unlabeled, mean_labels, 1e-9, "--mean-labels");
}

Test(generator, reports_sizes_that_no_memory_holds)
{
    mh_generator_config config = rowwise(4);

    config.features = SIZE_MAX / 64; /* times 20 topics does not fit a size_t */
    expect_failure(&config, MH_ERR_MEMORY, "memory");
    config.features = SIZE_MAX / 4096; /* fits, but no machine has it */
    expect_failure(&config, MH_ERR_MEMORY, "memory");
    config = rowwise(4);
    config.labels = SIZE_MAX / 2; /* also the number of topics does not fit */
    expect_failure(&config, MH_ERR_MEMORY, "memory");
}
