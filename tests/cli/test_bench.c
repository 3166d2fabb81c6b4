#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "program.h"

TestSuite(bench, .init = enter_folder, .fini = leave_folder, .timeout = 120);

#define SMALL "--hidden 8 --batch-size 64 --steps 3 "

static json_t *must_parse(const char *text)
{
    json_error_t error;
    json_t *root = json_loads(text, 0, &error);

    cr_assert(root != NULL && json_is_object(root), "not JSON: %s in:\n%s", error.text, text);
    return root;
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    cr_assert(json_is_number(value), "%s is no number", key);
    return json_number_value(value);
}

static void expect_narrow(const char *text)
{
    /* The first line names library and CPU, however long those are. */
    for (const char *line = strchr(text, '\n'); line != NULL; line = strchr(line + 1, '\n'))
        cr_expect(strcspn(line + 1, "\n") <= 80, "wider than 80 columns:\n%s", line + 1);
}

/* ---- a step ---- */

Test(bench, measures_a_step)
{
    for (int ranks = 1; ranks <= 2; ranks++) {
        outcome o = run_program(ranks, "bench " SMALL "--json -");
        MUST_EXIT(o, 0);
        json_t *root = must_parse(o.out);

        cr_expect(number(root, "gemm_ms") > 0);
        cr_expect(number(json_object_get(root, "step_ms"), "median") > 0);
        cr_expect(number(root, "replicas") == 8);
        json_decref(root);
    }
}

/* ---- requests ---- */

/* Writes what is to be asked for; the program gets it as stdin. */
static void write_requests(const char *lines)
{
    FILE *file = fopen("requests", "w");

    cr_assert(file != NULL && fputs(lines, file) >= 0 && fclose(file) == 0);
}

static const char *next_line(const char *text)
{
    const char *end = strchr(text, '\n');

    cr_assert(end != NULL, "no line after: %s", text);
    return end + 1;
}

static json_t *must_parse_line(const char *line)
{
    json_t *root = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);

    cr_assert(root != NULL && json_is_object(root), "not JSON:\n%s", line);
    return root;
}

Test(bench, answers_each_request_with_a_line)
{
    double loss[3] = {0};

    write_requests("step 2\nproducts 3\npeak\nstep 40\n");
    for (int ranks = 1; ranks <= 2; ranks++) {
        outcome o = run_program(ranks, "bench --requests --hidden 8 --batch-size 64 <requests");
        MUST_EXIT(o, 0);
        cr_assert(count_lines(o.out, "{") == 5, "a greeting and four answers:\n%s", o.out);
        json_t *line[5];
        const char *text = o.out;
        for (int i = 0; i < 5; i++, text = next_line(text))
            line[i] = must_parse_line(text);

        cr_expect(json_is_string(json_object_get(line[0], "ready")));
        cr_expect(number(line[0], "ranks") == ranks);
        cr_expect(json_array_size(json_object_get(line[1], "seconds")) == 2);
        cr_expect(json_array_size(json_object_get(line[2], "pieces")) == 3);
        cr_expect(json_array_size(json_object_get(line[2], "whole")) == 3);
        cr_expect(number(line[3], "gflops") >= 0);
        cr_expect(number(line[4], "loss") < number(line[1], "loss"), "it learns");
        loss[ranks] = number(line[4], "loss");
        for (int i = 0; i < 5; i++)
            json_decref(line[i]);
    }
    cr_expect(loss[1] == loss[2], "the same rows on any number of ranks");
}

Test(bench, what_is_no_request_is_refused_on_all_ranks)
{
    const char *wrong[] = {"stop\n", "step 0\n", "step -1\n", "\n"};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_requests(wrong[i]);
        for (int ranks = 1; ranks <= 2; ranks++) {
            outcome o = run_program(ranks, "bench --requests --hidden 8 --batch-size 64 <requests");

            EXPECT_EXIT(o, 2);
            EXPECT_WORDS(o.err, "expected 'step N'");
        }
    }
}

Test(bench, requests_come_from_stdin_only)
{
    outcome o = run_program(1, "bench --requests --steps 3 </dev/null");

    EXPECT_EXIT(o, 2);
    EXPECT_WORDS(o.err, "--steps");
}

/* ---- the network ---- */

Test(bench, one_rank_has_no_network_and_is_told_how_to_start_more)
{
    outcome o = run_program(1, "bench --network " SMALL);

    EXPECT_EXIT(o, 0);
    EXPECT_WORDS(o.out, "step(1)");
    EXPECT_WORDS(o.out, "One rank sends no messages");
    EXPECT_WORDS(o.out, "mpirun -n 2 multihead bench --network");
    EXPECT_NO_WORDS(o.out, "effic.");
    expect_narrow(o.out);
}

Test(bench, network_tells_what_it_measured_the_formula_and_what_follows)
{
    for (int ranks = 2; ranks <= 3; ranks++) {
        outcome o = run_program(ranks, "bench --network " SMALL);

        EXPECT_EXIT(o, 0);
        EXPECT_WORDS(o.out, "All ranks are on one host");
        EXPECT_WORDS(o.out, "step(P) = fixed + L leaf + B/P row + sum(P)");
        EXPECT_WORDS(o.out, "measured / predicted");
        cr_expect(count_lines(o.out, "   4096 ") == 1, "no line for 4096 ranks:\n%s", o.out);
        expect_narrow(o.out);
    }
}

Test(bench, network_speaks_json)
{
    outcome o = run_program(2, "bench --network --ranks-per-host 4 " SMALL "--json -");
    MUST_EXIT(o, 0);
    json_t *root = must_parse(o.out), *predicted = json_object_get(root, "predicted");
    json_t *inside = json_object_get(json_object_get(root, "network"), "inside");
    json_t *here = json_object_get(root, "here");

    cr_expect(number(root, "ranks") == 2);
    cr_expect(number(root, "hosts") == 1);
    cr_expect(number(root, "planned_ranks_per_host") == 4);
    cr_expect(number(inside, "latency_us") > 0);
    cr_expect(json_is_null(json_object_get(json_object_get(root, "network"), "between")));
    cr_expect(number(json_object_get(root, "compute"), "row_us") >= 0);
    cr_assert(json_array_size(predicted) == 13);
    cr_expect(number(json_array_get(predicted, 0), "ranks") == 1);
    cr_expect(fabs(number(json_array_get(predicted, 0), "fixed_batch_efficiency") - 1) < 1e-9);
    cr_expect(fabs(number(json_array_get(predicted, 0), "fixed_rank_rows_efficiency") - 1) < 1e-9);
    cr_expect(number(json_array_get(predicted, 12), "ranks") == 4096);
    cr_expect(number(json_array_get(predicted, 12), "hosts") == 1024);
    cr_expect(json_is_null(json_object_get(json_array_get(predicted, 12), "fixed_batch_step_ms")),
              "64 rows for 4096 ranks");
    cr_expect(fabs(number(here, "measured_to_predicted") -
                   number(json_object_get(here, "measured_ms"), "median") / number(here, "predicted_ms")) <
              1e-6);
    cr_expect(number(here, "messages_inside") == 2);
    cr_expect(number(here, "messages_counted") == 2);
    cr_expect(fabs(number(here, "bytes_counted") - number(here, "bytes_least")) <= 2 * 64,
              "pieces end at cache lines");
    json_decref(root);
}

Test(bench, network_of_one_rank_is_null_in_json)
{
    outcome o = run_program(1, "bench --network " SMALL "--json -");
    MUST_EXIT(o, 0);
    json_t *root = must_parse(o.out);

    cr_expect(json_is_null(json_object_get(root, "network")));
    cr_expect(json_is_null(json_object_get(root, "here")));
    cr_expect(json_array_size(json_object_get(root, "predicted")) == 0);
    cr_expect(number(json_object_get(json_object_get(root, "compute"), "step_alone_ms"), "median") > 0);
    json_decref(root);
}

Test(bench, ranks_per_host_belongs_to_network)
{
    outcome o = run_program(1, "bench --ranks-per-host 4");

    EXPECT_EXIT(o, 2);
    EXPECT_WORDS(o.err, "--network");
}
