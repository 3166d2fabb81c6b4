#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>

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
