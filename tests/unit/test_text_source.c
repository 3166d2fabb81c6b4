#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>

#include "expect.h"
#include "multihead/data/text_source.h"
#include "scratch.h"

/* Text files to rows: column_map and index_map as they are used. */

TestSuite(text_source, .init = scratch_make, .fini = scratch_remove);

enum { ROWS = 16, VALUES = 256 };

static float features[2][VALUES];
static mh_label labels[2][VALUES];

static mh_status keep_rows(void *context, mh_span rows, const float *x, const mh_label *y)
{
    const size_t *file_inputs_heads = context;
    size_t file = file_inputs_heads[0], inputs = file_inputs_heads[1], heads = file_inputs_heads[2];

    cr_assert(mh_span_end(rows) <= ROWS && ROWS * inputs <= VALUES && ROWS * heads <= VALUES);
    memcpy(features[file] + rows.first * inputs, x, rows.count * inputs * sizeof *x);
    memcpy(labels[file] + rows.first * heads, y, rows.count * heads * sizeof *y);
    return MH_OK;
}

/* Writes one or two texts (the second may be NULL) to files of this extension and opens them. */
static mh_status open_texts(const char *extension, const char *first, const char *second,
                            mh_text_source_config config, mh_text_source **out)
{
    static char *paths[2];
    char names[2][32];

    snprintf(names[0], sizeof names[0], "train.%s", extension);
    snprintf(names[1], sizeof names[1], "test.%s", extension);
    scratch_write(names[0], first, strlen(first));
    if (second != NULL)
        scratch_write(names[1], second, strlen(second));
    paths[0] = (char *)scratch_path(names[0]);
    paths[1] = (char *)scratch_path(names[1]);
    config.paths = paths;
    config.path_count = second != NULL ? 2 : 1;
    return mh_text_source_open(&config, out);
}

static mh_text_source *read_texts(const char *extension, const char *first, const char *second,
                                  mh_text_source_config config)
{
    mh_text_source *source = NULL;

    MUST(open_texts(extension, first, second, config, &source));
    const mh_schema *schema = mh_text_source_schema(source);
    for (size_t file = 0; file < mh_text_source_files(source); file++) {
        size_t context[3] = {file, schema->inputs, schema->heads};

        MUST(mh_text_source_read(source, file, keep_rows, context));
    }
    return source;
}

static void expect_refusal(const char *extension, const char *text, mh_text_source_config config,
                           mh_status code, const char *words)
{
    mh_text_source *source = NULL;

    EXPECT_FAILURE(open_texts(extension, text, NULL, config, &source), code, words);
    cr_expect(source == NULL);
}

static void expect_features(size_t file, size_t count, const float *expected)
{
    for (size_t i = 0; i < count; i++)
        cr_expect(features[file][i] == expected[i], "feature %zu of file %zu is %g, not %g", i, file,
                  (double)features[file][i], (double)expected[i]);
}

static void expect_labels(size_t file, size_t count, const mh_label *expected)
{
    for (size_t i = 0; i < count; i++)
        cr_expect(labels[file][i] == expected[i], "label %zu of file %zu is %d, not %d", i, file,
                  labels[file][i], expected[i]);
}

static void expect_names(char *const *names, size_t count, const char *const *expected)
{
    for (size_t i = 0; i < count; i++)
        cr_expect(strcmp(names[i], expected[i]) == 0, "'%s' instead of '%s'", names[i], expected[i]);
}

#define FEATURES(file, ...)                                                                                  \
    expect_features((file), sizeof((float[]){__VA_ARGS__}) / sizeof(float), (const float[]){__VA_ARGS__})
#define LABELS(file, ...)                                                                                    \
    expect_labels((file), sizeof((mh_label[]){__VA_ARGS__}) / sizeof(mh_label),                              \
                  (const mh_label[]){__VA_ARGS__})
#define NAMES(names, ...)                                                                                    \
    expect_names((names), sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *),                            \
                 (const char *const[]){__VA_ARGS__})

#define PLAIN          ((mh_text_source_config){0})
#define LABELLED(list) ((mh_text_source_config){.columns = {.label_columns = (list)}})
#define MISSING        MH_LABEL_MISSING

/* ---- ARFF ---- */

Test(text_source, declared_values_become_features_and_classes)
{
    mh_text_source *source =
        read_texts("arff",
                   "@relation 'r: -C -2'\n@attribute size numeric\n@attribute kind {f,t}\n"
                   "@attribute shade {dark,light}\n@attribute words string\n"
                   "@attribute y {NO,YES}\n@attribute z {c,a,b}\n@data\n"
                   "1.5,t,dark,'some',NO,b\n-2,f,light,?,YES,c\n",
                   NULL, PLAIN);
    const mh_schema *schema = mh_text_source_schema(source);

    cr_assert(schema->inputs == 4 && schema->heads == 2);
    NAMES(schema->feature_names, "size", "kind", "shade=dark", "shade=light");
    NAMES(schema->label_names, "y", "z");
    NAMES(schema->class_names, "NO|YES", "c|a|b");
    cr_expect(schema->classes[0] == 2 && schema->classes[1] == 3);
    FEATURES(0, 1.5, 1, 1, 0, -2, 0, 0, 1);
    LABELS(0, 0, 2, 1, 0);
    mh_text_source_close(source);
}

Test(text_source, yes_is_one_whatever_the_order)
{
    mh_text_source *source = read_texts(
        "arff", "@relation 'r: -C 1'\n@attribute y {1,0}\n@attribute a {yes,no}\n@data\n1,yes\n0,no\n{}\n",
        NULL, PLAIN);

    LABELS(0, 1, 0, 1);
    FEATURES(0, 1, 0, 1);
    NAMES(mh_text_source_schema(source)->class_names, "0|1");
    mh_text_source_close(source);
}

Test(text_source, what_a_sparse_row_leaves_out_is_zero_or_the_first_value)
{
    mh_text_source *source = read_texts("arff",
                                        "@relation 'r: -C 2'\n@attribute y {b,a,c}\n@attribute n numeric\n"
                                        "@attribute k {x,y,z}\n@attribute v real\n@data\n"
                                        "{0 c,1 2, 3 0.5}\n{}\n{1 1,2 z}\n",
                                        NULL, PLAIN);

    LABELS(0, 2, 2, 0, 0, 0, 1);
    FEATURES(0, 1, 0, 0, 0.5, 1, 0, 0, 0, 0, 0, 1, 0);
    mh_text_source_close(source);
}

/* Over the first file, of what is known there. */
Test(text_source, a_missing_number_is_the_mean_of_the_first_file)
{
    static const char header[] = "@relation 'r: -C 1'\n@attribute y {0,1}\n@attribute a numeric\n"
                                 "@attribute k {f,t}\n@data\n";
    char train[256], test[256];

    snprintf(train, sizeof train, "%s?,1,f\n1,?,t\n0,4,f\n", header);
    snprintf(test, sizeof test, "%s1,100,?\n1,?,t\n", header);
    mh_text_source *source = read_texts("arff", train, test, PLAIN);
    mh_column_summary summary = mh_column_map_summary(mh_text_source_column_map(source));

    /* One ? in either file, and the pair is two columns in both. */
    NAMES(mh_text_source_schema(source)->feature_names, "a", "k=f", "k=t");
    FEATURES(0, 1, 1, 0, 2.5, 0, 1, 4, 1, 0);
    FEATURES(1, 100, 0, 0, 2.5, 0, 1);
    LABELS(0, MISSING, 1, 0);
    cr_expect(summary.filled == 2 && summary.blank == 1 && summary.unknown_labels == 1);
    mh_text_source_close(source);
}

#define THREE                                                                                                \
    "@relation 'r: -C 1'\n@attribute a {0,1}\n@attribute b {0,1}\n@attribute c numeric\n@data\n1,0,5\n"

Test(text_source, labels_are_where_the_user_says)
{
    mh_text_source *source = read_texts("arff", THREE, NULL, PLAIN);

    NAMES(mh_text_source_schema(source)->label_names, "a");
    mh_text_source_close(source);
    source = read_texts("arff", THREE, NULL, LABELLED("b"));
    NAMES(mh_text_source_schema(source)->label_names, "b");
    mh_text_source_close(source);
    source = read_texts("arff", THREE, NULL, LABELLED("none"));
    cr_expect(mh_text_source_schema(source)->heads == 0);
    mh_text_source_close(source);

    const char *xml = "<labels xmlns=\"x\"><label name=\"b\"/><label name=\"a\"></label></labels>";
    scratch_write("l.xml", xml, strlen(xml));
    mh_text_source_config config = {.columns = {.label_xml = scratch_path("l.xml")}};
    source = read_texts("arff", THREE, NULL, config);
    NAMES(mh_text_source_schema(source)->label_names, "a", "b"); /* in the order of the columns */
    mh_text_source_close(source);
}

static void expect_xml_refusal(const char *xml, const char *words)
{
    scratch_write("l.xml", xml, strlen(xml));
    mh_text_source_config config = {.columns = {.label_xml = scratch_path("l.xml")}};

    expect_refusal("arff", THREE, config, MH_ERR_FORMAT, words);
}

Test(text_source, xml_mistakes_are_placed)
{
    expect_xml_refusal("<labels><label name=\"d\"/></labels>", "label \"d\" is no column of");
    expect_xml_refusal("<labels>\n<label name=\"a\"/>\n<label name=\"a\"/></labels>",
                       "line 3: label \"a\" is there twice");
    expect_xml_refusal("<labels>\n<label/></labels>", "line 2: a label without a name");
    expect_xml_refusal("<labels>\n<label name=\"a\">", "line 2, column");
    expect_xml_refusal("<labels></labels>", "names no label");
    expect_xml_refusal("a,b\n", "line 1, column 1");
}

Test(text_source, arff_without_labels_asks_for_them)
{
    expect_refusal("arff", "@relation r\n@attribute a real\n@data\n1\n", PLAIN, MH_ERR_USAGE, "--label-xml");
    expect_refusal("arff", "@relation 'r: -C 2'\n@attribute a real\n@attribute b real\n@data\n1,2\n", PLAIN,
                   MH_ERR_FORMAT, "-C 2, but there are only 2");
}

Test(text_source, arff_cells_that_do_not_fit_are_placed)
{
    expect_refusal("arff", THREE "1,0,abc\n", PLAIN, MH_ERR_FORMAT,
                   "line 7, column 3: \"abc\" is not a number (column \"c\")");
    expect_refusal("arff", THREE "1,2,1\n", PLAIN, MH_ERR_FORMAT,
                   "line 7, column 2: \"2\" is not among the values declared");
    expect_refusal("arff", THREE "x,1,1\n", PLAIN, MH_ERR_FORMAT, "line 7, column 1: \"x\" is not among");
    expect_refusal("arff", THREE "1,1,1e39\n", PLAIN, MH_ERR_FORMAT,
                   "line 7, column 3: \"1e39\" is too large");
    expect_refusal("arff", THREE "1,1,nan\n", PLAIN, MH_ERR_FORMAT, "\"nan\" is not a number");
    expect_refusal("arff", THREE "1,1,\n", PLAIN, MH_ERR_FORMAT, "\"\" is not a number");
    expect_refusal("arff", "@relation 'r: -C 1'\n@attribute a {0}\n@attribute b real\n@data\n", PLAIN,
                   MH_ERR_FORMAT, "there are no rows");
}

/* ---- CSV ---- */

Test(text_source, csv_columns_are_numbers_or_categories)
{
    mh_text_source_config config = {.columns = {.label_columns = "2", .drop_columns = "id,7-"}};
    mh_text_source *source =
        read_texts("csv",
                   "id,y,a,shade,sex,sure,x,x2\nr1,1,2.5,red,m,yes,?,?\nr2,0,,blue,f,no,?,?\n"
                   "r3,,1.5,,m,no,?,?\nr4,1,NA,red,f,yes,?,?\n",
                   NULL, config);
    const mh_schema *schema = mh_text_source_schema(source);

    NAMES(schema->feature_names, "a", "shade=blue", "shade=red", "sex=m", "sure");
    FEATURES(0, 2.5, 0, 1, 1, 1, 2, 1, 0, 0, 0, 1.5, 0, 0, 1, 0, 2, 0, 1, 0, 1);
    LABELS(0, 1, 0, MISSING, 1);
    mh_text_source_close(source);
}

static void expect_classes(const char *text, const char *names, size_t count, const mh_label *expected)
{
    mh_text_source *source = read_texts("csv", text, NULL, LABELLED("y"));

    expect_labels(0, count, expected);
    NAMES(mh_text_source_schema(source)->class_names, names);
    mh_text_source_close(source);
}

#define CLASSES(text, names, ...)                                                                            \
    expect_classes((text), (names), sizeof((mh_label[]){__VA_ARGS__}) / sizeof(mh_label),                    \
                   (const mh_label[]){__VA_ARGS__})

Test(text_source, csv_labels_are_classes)
{
    CLASSES("x,y\n1,0\n2,3\n3,1.0\n", "0|1|2|3", 0, 3, 1); /* as they are, also where one never occurs */
    CLASSES("x,y\n1,1\n2,2\n3,10\n", "1|2|10", 0, 1, 2);   /* not from 0: sorted as numbers           */
    CLASSES("x,y\n1,-1\n2,1\n", "-1|1", 0, 1);
    CLASSES("x,y\n1,1\n2,1\n", "0|1", 1, 1);
    CLASSES("x,y\n1,pear\n2,apple\n3,fig|date\n", "apple|fig/date|pear", 2, 0, 1);
    CLASSES("x,y\n1,true\n2,false\n", "false|true", 1, 0);
    CLASSES("x,y\n1,yes\n2,yes\n", "0|yes", 1, 1);
    CLASSES("x,y\n1,\n2,?\n", "0|1", MISSING, MISSING);
}

Test(text_source, columns_are_named_numbered_or_in_ranges)
{
    mh_text_source *source = read_texts("csv", "a,b,7,\"d,e\"\n1,0,1,0\n", NULL, LABELLED("2-3,'d,e'"));

    NAMES(mh_text_source_schema(source)->label_names, "b", "7", "d,e");
    mh_text_source_close(source);
    source = read_texts("csv", "a,b,7,d\n1,0,1,0\n", NULL, LABELLED("\"7\""));
    NAMES(mh_text_source_schema(source)->label_names, "7");
    mh_text_source_close(source);

    expect_refusal("csv", "a,b\n1,2\n", LABELLED("c"), MH_ERR_USAGE, "no such column; it has 1 to 2: a, b");
    expect_refusal("csv", "a,b\n1,2\n", LABELLED("3"), MH_ERR_USAGE, "--label-columns 3");
    expect_refusal("csv", "a,b\n1,2\n", LABELLED("0"), MH_ERR_USAGE, "columns 1 to 2");
    expect_refusal("csv", "a,b\n1,2\n", LABELLED("2-1"), MH_ERR_USAGE, "2-1");
    expect_refusal("csv", "a,b\n1,2\n", LABELLED("a,,b"), MH_ERR_USAGE, "such as 2-13,id");
    expect_refusal("csv", "a,a,b\n1,2,3\n", LABELLED("a"), MH_ERR_USAGE, "2 columns of that name");
    expect_refusal("csv", "a,b\n1,2\n", LABELLED("1-2"), MH_ERR_USAGE, "no column is left for features");
    mh_text_source_config both = {.columns = {.label_columns = "a", .drop_columns = "1"}};
    expect_refusal("csv", "a,b\n1,2\n", both, MH_ERR_USAGE, "both a label and dropped");
}

Test(text_source, a_misprint_among_numbers_is_no_category)
{
    expect_refusal("csv", "a,b\n1,2\n3,4\n5,x\n", PLAIN, MH_ERR_FORMAT,
                   "line 4, column 2: \"x\" is not a number, as in line 2");
    expect_refusal("csv", "a,b\n1,x\n3,4\n", PLAIN, MH_ERR_FORMAT,
                   "line 3, column 2: \"4\" is a number, but \"x\" in line 2");
    expect_refusal("csv", "a,y\n1,0\n3,1\n4,l\n", LABELLED("y"), MH_ERR_FORMAT,
                   "line 4, column 2: \"l\" is not a number");
    expect_refusal("csv", "a,y\n1,0\n3,0.5\n", LABELLED("y"), MH_ERR_FORMAT,
                   "line 3, column 2: \"0.5\" is no class");
    expect_refusal("csv", "a,b\n1,inf\n",
                   (mh_text_source_config){
                       .header = MH_HEADER_YES, .columns = {.missing = "inf"}, .indices = {.features = 3}},
                   MH_ERR_USAGE, "--features and --labels are for LibSVM");

    mh_text_source_config config = {.columns = {.categorical_columns = "b"}};
    mh_text_source *source = read_texts("csv", "a,b\n1,2\n3,4\n5,x\n", NULL, config);
    NAMES(mh_text_source_schema(source)->feature_names, "a", "b=2", "b=4", "b=x");
    mh_text_source_close(source);

    config = (mh_text_source_config){.columns = {.missing = "x,-9"}};
    source = read_texts("csv", "a,b\n1,2\n3,-9\n5,x\n", NULL, config);
    FEATURES(0, 1, 2, 3, 2, 5, 2);
    mh_text_source_close(source);
}

Test(text_source, too_many_texts_are_no_categories)
{
    char text[4096] = "a,name\n";

    for (int i = 0; i < 101; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%d,name %d\n", i, i);
    expect_refusal("csv", text, PLAIN, MH_ERR_FORMAT,
                   "line 102, column 2: \"name 100\" is one of more than 100 different values");
    EXPECT_SAYS("--drop-columns 2");
}

Test(text_source, files_share_their_columns)
{
    mh_text_source *source = NULL;

    EXPECT_FAILURE(open_texts("csv", "a,b\n1,2\n", "a,c\n1,2\n", PLAIN, &source), MH_ERR_FORMAT,
                   "column 2 is \"c\", but in");
    EXPECT_FAILURE(open_texts("csv", "a,b\n1,2\n", "a\n1\n", PLAIN, &source), MH_ERR_FORMAT,
                   "has 1 columns, but");
    source = read_texts("csv", "a,b\nx,2\n", "a,b\nz,3\ny,4\n", PLAIN);
    NAMES(mh_text_source_schema(source)->feature_names, "a=x", "a=y", "a=z", "b");
    FEATURES(0, 1, 0, 0, 2);
    FEATURES(1, 0, 0, 1, 3, 0, 1, 0, 4);
    mh_text_source_close(source);
}

/* ---- LibSVM ---- */

static mh_text_source_config counted(size_t inputs, size_t heads)
{
    return (mh_text_source_config){.indices = {.features = inputs, .labels = heads}};
}

Test(text_source, libsvm_numbers_begin_where_the_files_say)
{
    mh_text_source *source = read_texts("svm", "1 1:1 2:2\n", "2,0 3:0.5\n 1:1\n", PLAIN);
    const mh_schema *schema = mh_text_source_schema(source);

    /* Features from 1, since no 0 occurs; labels from 0, since one does in the second file. */
    cr_assert(schema->inputs == 3 && schema->heads == 3);
    cr_expect(schema->feature_names == NULL && schema->label_names == NULL);
    FEATURES(0, 1, 2, 0);
    LABELS(0, 0, 1, 0);
    FEATURES(1, 0, 0, 0.5, 1, 0, 0);
    LABELS(1, 1, 0, 1, 0, 0, 0);
    mh_text_source_close(source);

    source = read_texts("svm", "1 0:1 1:2\n2 1:1\n", NULL, PLAIN);
    cr_expect(mh_text_source_schema(source)->inputs == 2 && mh_text_source_schema(source)->heads == 2);
    FEATURES(0, 1, 2, 0, 1);
    LABELS(0, 1, 0, 0, 1);
    mh_text_source_close(source);
}

Test(text_source, libsvm_is_told_how_many_there_are)
{
    mh_text_source_config config = counted(4, 3);
    config.indices.label_base = MH_INDEX_BASE_0;
    mh_text_source *source = read_texts("svm", "1 2:1\n", NULL, config);

    FEATURES(0, 0, 1, 0, 0);
    LABELS(0, 0, 1, 0);
    mh_text_source_close(source);
    expect_refusal("svm", "1 2:1\n\n1 5:1\n", counted(4, 0), MH_ERR_FORMAT,
                   "line 3, column 3: feature 5, but --features says that they are 1 to 4");
    expect_refusal("svm", "0 2:1\n1,4 5:1\n", counted(0, 4), MH_ERR_FORMAT,
                   "line 2, column 3: label 4, but --labels says that they are 0 to 3");
    config.indices.feature_base = MH_INDEX_BASE_1;
    expect_refusal("svm", "1 2:1 0:1\n", config, MH_ERR_FORMAT,
                   "line 1, column 7: feature 0, but --index-base");
}

Test(text_source, extreme_classification_begins_with_zero)
{
    mh_text_source *source = read_texts("txt", "2 3 2\n1 1:1\n 2:1\n", NULL, PLAIN);

    cr_expect(mh_text_source_format(source) == MH_FORMAT_XC);
    FEATURES(0, 0, 1, 0, 0, 0, 1);
    LABELS(0, 0, 1, 0, 0);
    mh_text_source_close(source);
    expect_refusal("txt", "1 3 2\n1 3:1\n", PLAIN, MH_ERR_FORMAT,
                   "feature 3, but the first line says that they are 0 to 2");
    expect_refusal("txt", "1 3 2\n2 1:1\n", PLAIN, MH_ERR_FORMAT, "label 2, but the first line says");
}

Test(text_source, libsvm_values_are_finite_numbers)
{
    expect_refusal("svm", "1 2:1\n1 3:abc\n", PLAIN, MH_ERR_FORMAT,
                   "line 2, column 3: \"abc\" is not a number");
    expect_refusal("svm", "1 3:nan\n", PLAIN, MH_ERR_FORMAT, "\"nan\" is not a number");
    expect_refusal("svm", "1 3:-1e40\n", PLAIN, MH_ERR_FORMAT, "\"-1e40\" is not a 32-bit float");
    expect_refusal("svm", "1 4000000000:1\n", PLAIN, MH_ERR_FORMAT,
                   "line 1, column 3: feature 4000000000 is beyond");
    expect_refusal("svm", "4000000000 1:1\n", PLAIN, MH_ERR_FORMAT, "label 4000000000 is beyond");
    expect_refusal("svm", "# nothing\n", PLAIN, MH_ERR_FORMAT, "there are no rows");
    expect_refusal("svm", "1\n2\n", PLAIN, MH_ERR_FORMAT, "no row has a feature");
}

Test(text_source, a_choice_for_another_form_is_refused)
{
    expect_refusal("svm", "1 1:1\n", LABELLED("1"), MH_ERR_USAGE, "are for ARFF and CSV");
    expect_refusal("csv", "a,b\n1,2\n", counted(3, 0), MH_ERR_USAGE,
                   "--features and --labels are for LibSVM");
}

Test(text_source, files_are_of_one_form)
{
    mh_text_source *source = NULL;
    char *paths[2] = {(char *)scratch_path("a.csv"), (char *)scratch_path("a.svm")};
    mh_text_source_config config = {.paths = paths, .path_count = 2};

    scratch_write("a.csv", "a,b\n1,2\n", 8);
    scratch_write("a.svm", "1 1:1\n", 6);
    EXPECT_FAILURE(mh_text_source_open(&config, &source), MH_ERR_FORMAT, "is LibSVM, but");
}

/* What was learned of the file the first time does not hold any more. */
Test(text_source, a_file_that_changes_between_the_passes_is_refused)
{
    mh_text_source *source = NULL;
    size_t context[3] = {0, 2, 0};

    MUST(open_texts("csv", "a,b\n1,x\n2,y\n", NULL, PLAIN, &source));
    scratch_write("train.csv", "a,b\n1,x\n2,z\n", 12);
    EXPECT_FAILURE(mh_text_source_read(source, 0, keep_rows, context), MH_ERR_FORMAT,
                   "changed while it was read");
    scratch_write("train.csv", "a,b\n1,x\n", 8);
    EXPECT_FAILURE(mh_text_source_read(source, 0, keep_rows, context), MH_ERR_FORMAT, "fewer rows");
    scratch_write("train.csv", "a,b\n1,x\n2,y\n3,x\n", 16);
    EXPECT_FAILURE(mh_text_source_read(source, 0, keep_rows, context), MH_ERR_FORMAT, "line 4: is new");
    scratch_write("train.csv", "a\n1\n", 4);
    EXPECT_FAILURE(mh_text_source_read(source, 0, keep_rows, context), MH_ERR_FORMAT, "changed");
    mh_text_source_close(source);
}
