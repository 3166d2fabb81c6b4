#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "expect.h"
#include "multihead/data/text_table.h"
#include "scratch.h"

TestSuite(text_table, .init = scratch_make, .fini = scratch_remove);

/* A table as one text: a line for each row, "3: [labels] column=text". */
static char shown[4096];

static mh_status show_row(void *context, const mh_text_row *row)
{
    size_t *used = context;

    *used += (size_t)snprintf(shown + *used, sizeof shown - *used, "%zu:", row->line);
    for (size_t i = 0; i < row->labels; i++)
        *used += (size_t)snprintf(shown + *used, sizeof shown - *used, " [%zu]", row->label[i].column);
    for (size_t i = 0; i < row->cells; i++)
        *used += (size_t)snprintf(shown + *used, sizeof shown - *used, " %zu=%s", row->cell[i].column,
                                  row->cell[i].text);
    *used += (size_t)snprintf(shown + *used, sizeof shown - *used, "%s\n", row->is_sparse ? " ..." : "");
    return MH_OK;
}

static mh_status read_table(const char *name, mh_text_format format, mh_header_choice header)
{
    mh_status status = MH_OK;
    mh_text_table *table = NULL;
    size_t used = 0;

    shown[0] = '\0';
    status = mh_text_table_open(scratch_path(name), format, header, &table);
    if (status == MH_OK)
        status = mh_text_table_read(table, show_row, &used);
    mh_text_table_close(table);
    return status;
}

static mh_status read_text(mh_text_format format, const char *text)
{
    scratch_write("t", text, strlen(text));
    return read_table("t", format, MH_HEADER_AUTO);
}

static void expect_rows(mh_text_format format, const char *text, const char *rows)
{
    MUST(read_text(format, text));
    cr_expect(strcmp(shown, rows) == 0, "rows:\n%s\nexpected:\n%s", shown, rows);
}

/* Up to `line 3, column 4` there, and what is wrong. */
static void expect_refusal(mh_text_format format, const char *text, const char *words)
{
    EXPECT_FAILURE(read_text(format, text), MH_ERR_FORMAT, words);
}

/* ---- ARFF ---- */

#define ABC "@relation r\n@attribute a numeric\n@attribute b {x,y}\n@attribute c string\n@data\n"

Test(text_table, arff_rows_are_dense_or_sparse)
{
    expect_rows(MH_FORMAT_ARFF, ABC "1,x,word\n\n% comment\n ?, y , 'a, b'\n",
                "6: 0=1 1=x 2=word\n9: 0=? 1=y 2=a, b\n");
    expect_rows(MH_FORMAT_ARFF, ABC "{0 1,2 'a b'}\n{}\n{ 1 y }\n", "6: 0=1 2=a b ...\n7: ...\n8: 1=y ...\n");
    expect_rows(MH_FORMAT_ARFF, ABC "1\tx  word\n", "6: 0=1 1=x 2=word\n");
}

Test(text_table, arff_quotes_take_a_backslash)
{
    expect_rows(MH_FORMAT_ARFF, ABC "1,x,'it\\'s'\n2,y,\"a \\\"b\\\" \\\\ c\"\n3,x,don't\n4,x,a\\b\n",
                "6: 0=1 1=x 2=it's\n7: 0=2 1=y 2=a \"b\" \\ c\n8: 0=3 1=x 2=don't\n9: 0=4 1=x 2=a\\b\n");
}

static mh_text_table *open_text(mh_text_format format, const char *text)
{
    mh_text_table *table = NULL;

    scratch_write("t", text, strlen(text));
    MUST(mh_text_table_open(scratch_path("t"), format, MH_HEADER_AUTO, &table));
    return table;
}

Test(text_table, arff_header_is_understood)
{
    mh_text_table *table =
        open_text(MH_FORMAT_ARFF, "% who\n@RELATION 'set: -c -2 -I 0'\n\n"
                                  "@Attribute 'it\\'s' REAL\n@attribute b{x, 'y z' ,\"\"}\n"
                                  "@attribute \"c d\" date \"yyyy\"\n@DATA\n");
    const mh_text_header *header = mh_text_table_header(table);

    cr_assert(eq(sz, header->columns, 3));
    cr_expect(header->has_label_count && header->label_count == -2);
    cr_expect(strcmp(header->column[0].name, "it's") == 0 && header->column[0].kind == MH_COLUMN_NUMBER);
    cr_expect(strcmp(header->column[1].name, "b") == 0 && header->column[1].kind == MH_COLUMN_NOMINAL);
    cr_assert(eq(sz, mh_value_set_count(header->column[1].values), 3));
    cr_expect(strcmp(mh_value_set_text(header->column[1].values, 1), "y z") == 0);
    cr_expect(strcmp(header->column[2].name, "c d") == 0 && header->column[2].kind == MH_COLUMN_TEXT);
    mh_text_table_close(table);
}

Test(text_table, arff_mistakes_are_placed)
{
    expect_refusal(MH_FORMAT_ARFF, "@relation r\n@attribute a numeric\n", "ends before its @data");
    expect_refusal(MH_FORMAT_ARFF, "@relation r\n@data\n1\n", "line 2: there is no @attribute");
    expect_refusal(MH_FORMAT_ARFF, "@relation r\n@attribute a number\n",
                   "line 2, column 14: expected numeric");
    expect_refusal(MH_FORMAT_ARFF, "@relation r\n@attribute a {x,y\n", "line 2, column 18: the } ");
    expect_refusal(MH_FORMAT_ARFF, "@relation r\n@attribute a {x,x}\n",
                   "line 2, column 17: this value is declared twice");
    expect_refusal(MH_FORMAT_ARFF, "@attribute a real\n@attribute a real\n",
                   "line 2, column 1: this attribute is declared twice: a");
    expect_refusal(MH_FORMAT_ARFF, "@attribute 'a real\n", "line 1, column 12: a quote is not closed");
    expect_refusal(MH_FORMAT_ARFF, "@attribut a real\n", "line 1, column 1: expected @relation");
    expect_refusal(MH_FORMAT_ARFF, ABC "1,x\n",
                   "line 6, column 4: the line ends with 2 values, but there are 3");
    expect_refusal(MH_FORMAT_ARFF, ABC "1,x,a,b\n", "line 6, column 7: more values");
    expect_refusal(MH_FORMAT_ARFF, ABC "1,x,'a\n", "line 6, column 5: a quote is not closed");
    expect_refusal(MH_FORMAT_ARFF, ABC "1,x,'a'b\n", "line 6, column 8: something stands behind the quote");
    expect_refusal(MH_FORMAT_ARFF, ABC "{0 1,3 2}\n", "line 6, column 6: there is no attribute 3");
    expect_refusal(MH_FORMAT_ARFF, ABC "{0 1,0 2}\n", "attribute 0 is there twice");
    expect_refusal(MH_FORMAT_ARFF, ABC "{0 1,b 2}\n",
                   "line 6, column 6: expected the number of an attribute");
    expect_refusal(MH_FORMAT_ARFF, ABC "{0 1\n", "line 6, column 5: expected }");
}

/* ---- CSV ---- */

Test(text_table, csv_fields_may_be_quoted)
{
    expect_rows(MH_FORMAT_CSV, "a,b,c\n1,\"x, y\",\"say \"\"so\"\"\"\n\n2,\"two\r\nlines\", z \n3,,\n",
                "2: 0=1 1=x, y 2=say \"so\"\n4: 0=2 1=two\nlines 2=z\n6: 0=3 1= 2=\n");
}

Test(text_table, csv_header_is_found)
{
    expect_rows(MH_FORMAT_CSV, "a,b\n1,2\n", "2: 0=1 1=2\n");
    expect_rows(MH_FORMAT_CSV, "1,2\n3,4\n", "1: 0=1 1=2\n2: 0=3 1=4\n");
    expect_rows(MH_FORMAT_CSV, "id,0,1\n7,8,9\n", "2: 0=7 1=8 2=9\n");
    expect_rows(MH_FORMAT_CSV, "red,1\nblue,2\n", "1: 0=red 1=1\n2: 0=blue 1=2\n");
    scratch_write("t", "a,b\n1,2\n", 8);
    MUST(read_table("t", MH_FORMAT_CSV, MH_HEADER_NO));
    cr_expect(strncmp(shown, "1: 0=a", 6) == 0, "%s", shown);
    scratch_write("t", "1,2\n3,4\n", 8);
    MUST(read_table("t", MH_FORMAT_CSV, MH_HEADER_YES));
    cr_expect(strcmp(shown, "2: 0=3 1=4\n") == 0, "%s", shown);
}

Test(text_table, fields_are_parted_by_tabs_or_semicolons)
{
    expect_rows(MH_FORMAT_TSV, "a\tb\n1\tx y\n\t3\n", "2: 0=1 1=x y\n3: 0= 1=3\n");
    expect_rows(MH_FORMAT_CSV, "a;b\n1;2\n", "2: 0=1 1=2\n");
}

Test(text_table, a_column_without_a_name_gets_one)
{
    mh_text_table *table = open_text(MH_FORMAT_CSV, ",b\n1,2\n");

    cr_expect(strcmp(mh_text_table_header(table)->column[0].name, "column_1") == 0);
    cr_expect(strcmp(mh_text_table_header(table)->column[1].name, "b") == 0);
    mh_text_table_close(table);
}

Test(text_table, csv_mistakes_are_placed)
{
    expect_refusal(MH_FORMAT_CSV, "a,b\n1,2\n3\n",
                   "line 3, column 2: is missing: the row has 1 columns, the first line has 2");
    expect_refusal(MH_FORMAT_CSV, "a,b\n1,2\n3,4,5\n",
                   "line 3, column 3: is one too many: the row has 3 columns");
    expect_refusal(MH_FORMAT_CSV, "a,b\n1,2\n3,\"4\n5,6\n", "line 3, column 2: a quote that is not closed");
    expect_refusal(MH_FORMAT_CSV, "a,b\n1,2\n3,4\"5\n", "line 3, column 2: a quote");
    expect_refusal(MH_FORMAT_CSV, "", "is empty");
    expect_refusal(MH_FORMAT_CSV, "\n\n", "is empty");
}

/* ---- LibSVM ---- */

Test(text_table, libsvm_labels_may_be_unsorted_or_missing)
{
    expect_rows(
        MH_FORMAT_LIBSVM, "# top\n1,0 2:2.5   10:-5.2 # end\n 2:3.5\n\n5:1\n3\n+1 qid:3 7:1e-3\t8:2\n",
        "2: [0] [1] 2=2.5 10=-5.2 ...\n3: 2=3.5 ...\n5: 5=1 ...\n6: [3] ...\n7: [1] 7=1e-3 8=2 ...\n");
}

Test(text_table, libsvm_mistakes_are_placed)
{
    expect_refusal(MH_FORMAT_LIBSVM, "1 2:3\n1 x:3\n", "line 2, column 3: \"x:3\" is not index:value");
    expect_refusal(MH_FORMAT_LIBSVM, "1 2:3 4\n", "line 1, column 7: \"4\" is not index:value");
    expect_refusal(MH_FORMAT_LIBSVM, "1 2: 3\n", "line 1, column 3: \"2:\" is not index:value");
    expect_refusal(MH_FORMAT_LIBSVM, "1,-1 2:3\n", "line 1, column 3: \"-1\" is not a label");
    expect_refusal(MH_FORMAT_LIBSVM, "0.5 2:3\n", "\"0.5\" is not a label");
    expect_refusal(MH_FORMAT_LIBSVM, "1,, 2:3\n", "is not a label");
    expect_refusal(MH_FORMAT_LIBSVM, "1 -2:3\n", "\"-2:3\" is not index:value");
    expect_refusal(MH_FORMAT_LIBSVM, "1 5:1 2:1 5:2\n", "line 1, column 11: feature 5 is there twice");
    expect_refusal(MH_FORMAT_LIBSVM, "1,2,1 5:1\n", "line 1, column 5: label 1 is there twice");
    expect_refusal(MH_FORMAT_LIBSVM, "1 99999999999999999999999:1\n", "is not index:value");
}

Test(text_table, extreme_classification_counts_its_rows)
{
    expect_rows(MH_FORMAT_XC, "3 10 4\n0,3 0:1 9:2\n 5:1\n\n\n",
                "2: [0] [3] 0=1 9=2 ...\n3: 5=1 ...\n4: ...\n");
    expect_refusal(MH_FORMAT_XC, "3 10 4\n0 1:1\n", "has 1 rows, but the first line says that there are 3");
    expect_refusal(MH_FORMAT_XC, "1 10 4\n0 1:1\n1 2:1\n",
                   "line 3: the first line says that there are 1 rows");
    expect_refusal(MH_FORMAT_XC, "0 1:1\n", "line 1: expected how many rows");
    expect_refusal(MH_FORMAT_XC, "1 99999999999 4\n0 1:1\n", "more than the");
}

/* ---- which form? ---- */

static void expect_format(const char *name, const char *text, mh_text_format expected)
{
    mh_text_format format = MH_FORMAT_AUTO;

    scratch_write(name, text, strlen(text));
    MUST(mh_text_format_find(scratch_path(name), MH_FORMAT_AUTO, &format));
    cr_expect(format == expected, "%s: '%s' is %s, not %s", name, text, mh_text_format_name(format),
              mh_text_format_name(expected));
}

Test(text_table, the_form_is_found)
{
    expect_format("a.arff", "", MH_FORMAT_ARFF);
    expect_format("a.ARFF.gz", "", MH_FORMAT_ARFF);
    expect_format("a.csv", "1 2:3", MH_FORMAT_CSV);
    expect_format("a.tsv", "", MH_FORMAT_TSV);
    expect_format("a.svm", "1 2:3\n", MH_FORMAT_LIBSVM);
    expect_format("a.svm", "10 2 3\n", MH_FORMAT_XC);
    expect_format("a.txt", "% words\n@relation r\n", MH_FORMAT_ARFF);
    expect_format("a.txt", "\n@Relation r\n", MH_FORMAT_ARFF);
    expect_format("a.txt", "# words\n1,0 2:2.5\n", MH_FORMAT_LIBSVM);
    expect_format("a.txt", " 2:2.5\n", MH_FORMAT_LIBSVM);
    expect_format("train", "10 2 3\n", MH_FORMAT_XC);
    expect_format("train", "a\tb\n", MH_FORMAT_TSV);
    expect_format("train", "a,b\n", MH_FORMAT_CSV);
}

Test(text_table, a_form_that_cannot_be_told_is_asked_for)
{
    mh_text_format format = MH_FORMAT_AUTO;

    scratch_write("a.txt", "hello\n", 6);
    EXPECT_FAILURE(mh_text_format_find(scratch_path("a.txt"), MH_FORMAT_AUTO, &format), MH_ERR_FORMAT,
                   "--format");
    scratch_write("a.txt", "\n", 1);
    EXPECT_FAILURE(mh_text_format_find(scratch_path("a.txt"), MH_FORMAT_AUTO, &format), MH_ERR_FORMAT,
                   "is empty");
}
