#include "bench_report.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "json_file.h"
#include "startup.h"

enum { MOST_RANKS = 4096 };

static bool has_network(const bench_study *s)
{
    return s->network.ranks > 1;
}

static double step_here(const bench_study *s, const mh_scaling *scaling)
{
    return mh_scaling_step_seconds(scaling, s->network.ranks, (double)s->options->batch_size);
}

static double sum_here(const bench_study *s, const mh_scaling *scaling)
{
    return mh_scaling_sum_seconds(scaling, s->network.ranks);
}

/* That a rank has to send in a step, whatever the algorithm. */
static double least_bytes(const bench_study *s)
{
    double ranks = (double)s->network.ranks;

    return 2 * sizeof(float) * (double)s->compute.elements * (ranks - 1) / ranks;
}

/* How many of each there would be. */
static size_t hosts_of(const bench_study *s, size_t ranks)
{
    return (ranks + s->planned.ranks_per_host - 1) / s->planned.ranks_per_host;
}

/* ---- for people ---- */

static void print_size(double bytes)
{
    char text[32];

    if (bytes >= 1 << 20)
        snprintf(text, sizeof text, "%.0f MiB", bytes / (1 << 20));
    else if (bytes >= 1 << 10)
        snprintf(text, sizeof text, "%.0f KiB", bytes / (1 << 10));
    else
        snprintf(text, sizeof text, "%.0f bytes", bytes);
    printf("  %-32s", text);
}

static void print_cell(const mh_link *link, size_t point)
{
    if (point < link->points)
        printf(" %15.1f", link->seconds[point] * 1e6);
    else
        printf(" %15s", "-");
}

static void print_bandwidth(const mh_link *link)
{
    if (link->points > 0)
        printf(" %15.3f", 1e-9 / mh_link_byte_seconds(link));
    else
        printf(" %15s", "-");
}

static void print_network(const mh_network *n)
{
    const mh_link *longer = n->inside.points > n->between.points ? &n->inside : &n->between;

    printf("Messages between %zu ranks on %zu host%s", n->ranks, n->hosts, n->hosts == 1 ? "" : "s");
    if (n->hosts > 1)
        printf(" (%s%zu on each)", n->ranks % n->hosts == 0 ? "" : "up to ", n->ranks_per_host);
    puts(", all pairs at once\n");
    printf("  %-32s %15s %15s\n", "t(s), us: s bytes each way", "inside a host", "between hosts");
    for (size_t i = 0; i < longer->points; i++) {
        print_size(longer->bytes[i]);
        print_cell(&n->inside, i);
        print_cell(&n->between, i);
        putchar('\n');
    }
    printf("  %-32s", "large ones, GB/s each way");
    print_bandwidth(&n->inside);
    print_bandwidth(&n->between);
    putchar('\n');
    if (n->between.points == 0)
        puts("\n  All ranks are on one host, so what is inside it stands for the network below.\n"
             "  Launched on several hosts, bench measures that too.");
    if (n->inside.points == 0)
        puts("\n  Each host has one rank, so what is between them stands for what is inside.");
    putchar('\n');
}

static void print_compute(const bench_study *s)
{
    const bench_compute *c = &s->compute;

    printf("Computing, on %zu core%s: %zu parameters, batch %zu\n\n", s->options->threads,
           s->options->threads == 1 ? "" : "s", c->elements, s->options->batch_size);
    printf("  %-32s %15.3f ms, %.0f rows/s\n", "step(1): one rank, no other", c->alone.median * 1e3,
           (double)s->options->batch_size / c->alone.median);
    printf("  %-32s %15.3f us\n", "row", c->median.row * 1e6);
    printf("  %-32s %15.1f us\n", "leaf: a replica", c->median.leaf * 1e6);
    printf("  %-32s %15.1f us\n", "fixed: Adam and the like", c->median.fixed * 1e6);
    printf("  %-32s %15.3f ns\n\n", "add: an element to another", c->median.add_element * 1e9);
}

/* Of halving or doubling: the messages that stay inside a host, log2 of its ranks. */
static size_t first_messages(size_t ranks_per_host)
{
    size_t messages = 0;

    while (ranks_per_host > 1) {
        ranks_per_host /= 2;
        messages++;
    }
    return messages;
}

static void print_formula(const bench_study *s)
{
    printf("How long a step takes on P ranks, %zu on each host\n\n", s->planned.ranks_per_host);
    puts("  step(P) = fixed + L leaf + B/P row + sum(P)\n"
         "  sum(P)  = 2 [t(4n/2) + t(4n/4) + ... + t(4n/P)] + log2(P) t(8) + n (P-1)/P add");
    printf("  with n = %zu parameters, B rows in the batch of all ranks, and on each rank\n"
           "  L = R/P replicas of R = %zu, or of P where that is more. Of the messages in\n"
           "  brackets the first %zu stay inside a host.\n",
           s->compute.elements, s->compute.replicas, first_messages(s->planned.ranks_per_host));
    if (s->network.between.points > 0 && s->planned.ranks_per_host != s->network.ranks_per_host)
        printf("  Of those between hosts s counts %zu/%zu times: as many ranks share a host's link,\n"
               "  for as many that shared it when it was measured.\n",
               s->planned.ranks_per_host, s->network.ranks_per_host);
    puts("  Efficiency: step(1) / (P step(P)) with a fixed batch, step(1) / step(P) with\n"
         "  as many rows on each rank.\n");
}

static void print_table(const bench_study *s)
{
    const mh_scaling *p = &s->planned;
    double rows = (double)s->options->batch_size;

    printf("  %22s | %-30s | %s %.0f\n", "", "fixed batch", "rows a rank:", rows);
    printf("  %5s %5s %10s | %10s %9s %9s | %10s %9s\n", "ranks", "hosts", "sum, ms", "step, ms", "speed-up",
           "effic.", "step, ms", "effic.");
    for (size_t ranks = 1; ranks <= MOST_RANKS; ranks *= 2) {
        printf("  %5zu %5zu %10.3f | ", ranks, hosts_of(s, ranks), mh_scaling_sum_seconds(p, ranks) * 1e3);
        if ((double)ranks <= rows) {
            double efficiency = mh_scaling_strong_efficiency(p, ranks, rows);

            printf("%10.3f %9.1f %7.1f %% | ", mh_scaling_step_seconds(p, ranks, rows) * 1e3,
                   efficiency * (double)ranks, efficiency * 100);
        } else
            printf("%10s %9s %9s | ", "-", "-", "-");
        printf("%10.3f %7.1f %%\n", mh_scaling_step_seconds(p, ranks, rows * (double)ranks) * 1e3,
               mh_scaling_weak_efficiency(p, ranks, rows) * 100);
    }
    if (rows < MOST_RANKS)
        printf("  - more ranks than rows\n");
    putchar('\n');
}

/* Two columns; of ranks that share cores the best is that of one which came late and found all done. */
static void print_pair(const bench_study *s, const char *what, double median, double best)
{
    printf("  %-32s %15.3f", what, median);
    if (s->share > 1)
        printf(" %15s\n", "-");
    else
        printf(" %15.3f\n", best);
}

static void print_check(const bench_study *s)
{
    const bench_timing *t = &s->compute.together;
    double median = step_here(s, &s->here), best = step_here(s, &s->best);
    mh_traffic traffic = mh_scaling_traffic(&s->here, s->network.ranks);

    printf("Here, on %zu ranks, batch %zu\n\n", s->network.ranks, s->options->batch_size);
    if (s->share > 1)
        printf("  %zu ranks share %zu cores: computing is expected to take %.1f times as long as on\n"
               "  cores of their own, and messages take longer than they would there.\n\n",
               s->network.ranks_per_machine, s->cores, s->share);
    printf("  %-32s %15s %15s\n", "", "median", "best");
    print_pair(s, "predicted step, ms", median * 1e3, best * 1e3);
    print_pair(s, "of it the sum, ms", sum_here(s, &s->here) * 1e3, sum_here(s, &s->best) * 1e3);
    print_pair(s, "measured step, ms", t->median * 1e3, t->best * 1e3);
    print_pair(s, "measured / predicted", t->median / median, t->best / best);
    putchar('\n');
    printf("  %-32s %15s %15s\n", "a rank sends in a step", "messages", "bytes");
    printf("  %-32s %15.0f %15.0f\n", "inside a host", traffic.messages_inside, traffic.bytes_inside);
    printf("  %-32s %15.0f %15.0f\n", "between hosts", traffic.messages_between, traffic.bytes_between);
    printf("  %-32s %15" PRIu64 " %15" PRIu64 "\n", "counted, of the busiest rank", s->messages, s->bytes);
    printf("  %-32s %15s %15.0f\n", "least possible, 2 n (P-1)/P", "", least_bytes(s));
}

void bench_report_print(const bench_study *s)
{
    char kernel[256];

    startup_describe_kernel(kernel, sizeof kernel);
    printf("%s\n\n", kernel);
    if (has_network(s))
        print_network(&s->network);
    print_compute(s);
    if (!has_network(s)) {
        puts("One rank sends no messages: there is no network to measure, and nothing to\n"
             "predict from. Launch more of them:\n\n"
             "  mpirun -n 2 multihead bench --network                        inside this host\n"
             "  mpirun -n 8 --hostfile HOSTS multihead bench --network       between hosts");
        return;
    }
    print_formula(s);
    print_table(s);
    print_check(s);
}

/* ---- for programs ---- */

static json_t *link_json(const mh_link *link)
{
    json_t *object = json_object(), *points = json_array();

    if (link->points == 0) {
        json_decref(object);
        json_decref(points);
        return json_null();
    }
    json_object_set_new(object, "latency_us", json_number(mh_link_latency(link) * 1e6));
    json_object_set_new(object, "gb_per_s", json_number(1e-9 / mh_link_byte_seconds(link)));
    for (size_t i = 0; i < link->points; i++) {
        json_t *point = json_object();

        json_object_set_new(point, "bytes", json_number(link->bytes[i]));
        json_object_set_new(point, "us", json_number(link->seconds[i] * 1e6));
        json_array_append_new(points, point);
    }
    json_object_set_new(object, "messages", points);
    return object;
}

static json_t *network_json(const mh_network *n)
{
    json_t *object = json_object();

    json_object_set_new(object, "inside", link_json(&n->inside));
    json_object_set_new(object, "between", link_json(&n->between));
    return object;
}

static json_t *compute_json(const bench_study *s)
{
    const bench_compute *c = &s->compute;
    json_t *object = json_object();

    json_object_set_new(object, "parameters", json_integer((json_int_t)c->elements));
    json_object_set_new(object, "step_alone_ms", bench_timing_json(c->alone));
    json_object_set_new(object, "row_us", json_number(c->median.row * 1e6));
    json_object_set_new(object, "leaf_us", json_number(c->median.leaf * 1e6));
    json_object_set_new(object, "fixed_us", json_number(c->median.fixed * 1e6));
    json_object_set_new(object, "add_ns", json_number(c->median.add_element * 1e9));
    return object;
}

static json_t *row_json(const bench_study *s, size_t ranks)
{
    const mh_scaling *p = &s->planned;
    double rows = (double)s->options->batch_size;
    bool fits = (double)ranks <= rows;
    json_t *row = json_object();

    json_object_set_new(row, "ranks", json_integer((json_int_t)ranks));
    json_object_set_new(row, "hosts", json_integer((json_int_t)hosts_of(s, ranks)));
    json_object_set_new(row, "sum_ms", json_number(mh_scaling_sum_seconds(p, ranks) * 1e3));
    json_object_set_new(row, "fixed_batch_step_ms",
                        fits ? json_number(mh_scaling_step_seconds(p, ranks, rows) * 1e3) : json_null());
    json_object_set_new(row, "fixed_batch_efficiency",
                        fits ? json_number(mh_scaling_strong_efficiency(p, ranks, rows)) : json_null());
    json_object_set_new(row, "fixed_rank_rows_step_ms",
                        json_number(mh_scaling_step_seconds(p, ranks, rows * (double)ranks) * 1e3));
    json_object_set_new(row, "fixed_rank_rows_efficiency",
                        json_number(mh_scaling_weak_efficiency(p, ranks, rows)));
    return row;
}

static json_t *check_json(const bench_study *s)
{
    json_t *object = json_object();
    double predicted = step_here(s, &s->here), best = step_here(s, &s->best);
    mh_traffic traffic = mh_scaling_traffic(&s->here, s->network.ranks);

    json_object_set_new(object, "cores_of_a_machine", json_integer((json_int_t)s->cores));
    json_object_set_new(object, "ranks_a_core", json_number(s->share));
    json_object_set_new(object, "predicted_ms", json_number(predicted * 1e3));
    json_object_set_new(object, "predicted_sum_ms", json_number(sum_here(s, &s->here) * 1e3));
    json_object_set_new(object, "predicted_best_ms", json_number(best * 1e3));
    json_object_set_new(object, "measured_ms", bench_timing_json(s->compute.together));
    json_object_set_new(object, "measured_to_predicted", json_number(s->compute.together.median / predicted));
    json_object_set_new(object, "best_measured_to_predicted",
                        s->share > 1 ? json_null() : json_number(s->compute.together.best / best));
    json_object_set_new(object, "messages_inside", json_number(traffic.messages_inside));
    json_object_set_new(object, "messages_between", json_number(traffic.messages_between));
    json_object_set_new(object, "bytes_inside", json_number(traffic.bytes_inside));
    json_object_set_new(object, "bytes_between", json_number(traffic.bytes_between));
    json_object_set_new(object, "messages_counted", json_integer((json_int_t)s->messages));
    json_object_set_new(object, "bytes_counted", json_integer((json_int_t)s->bytes));
    json_object_set_new(object, "bytes_least", json_number(least_bytes(s)));
    return object;
}

mh_status bench_report_write_json(const bench_study *s)
{
    json_t *root = json_object(), *predicted = json_array();

    json_object_set_new(root, "ranks", json_integer((json_int_t)s->network.ranks));
    json_object_set_new(root, "hosts", json_integer((json_int_t)s->network.hosts));
    json_object_set_new(root, "ranks_per_host", json_integer((json_int_t)s->network.ranks_per_host));
    json_object_set_new(root, "batch_size", json_integer((json_int_t)s->options->batch_size));
    json_object_set_new(root, "compute", compute_json(s));
    json_object_set_new(root, "network", has_network(s) ? network_json(&s->network) : json_null());
    for (size_t ranks = 1; ranks <= MOST_RANKS && has_network(s); ranks *= 2)
        json_array_append_new(predicted, row_json(s, ranks));
    json_object_set_new(root, "planned_ranks_per_host", json_integer((json_int_t)s->planned.ranks_per_host));
    json_object_set_new(root, "predicted", predicted);
    json_object_set_new(root, "here", has_network(s) ? check_json(s) : json_null());
    return json_file_write(s->options->json, root);
}
