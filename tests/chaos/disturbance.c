#include "disturbance.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "process.h"

static const int signals[] = {SIGUSR1, SIGTERM, SIGINT};
static const char *const signal_names[] = {"SIGUSR1", "SIGTERM", "SIGINT"};
static const char *const kind_names[DISTURBANCES] = {
    "nothing",       "signal to a rank", "signal to all ranks", "signal to the launcher",
    "a rank killed", "launcher killed",  "all killed",          "signal, then all killed",
    "inject",        "time limit"};

/* ---- choosing ---- */

/* splitmix64, Steele et al. 2014 */
static uint64_t draw(chance *chance)
{
    uint64_t bits = chance->state += 0x9e3779b97f4a7c15u;

    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return bits ^ (bits >> 31);
}

size_t chance_below(chance *chance, size_t count)
{
    return (size_t)(draw(chance) % count);
}

static double chance_seconds(chance *chance, double most)
{
    return most * (double)chance_below(chance, 1000) / 1000;
}

static void choose_injection(chance *chance, int ranks, size_t next_step, size_t last_step, disturbance *d)
{
    static const char *const kinds[] = {"exit", "abort", "kill"};

    snprintf(d->options, sizeof d->options, "--inject %s@rank=%zu,step=%zu",
             kinds[chance_below(chance, sizeof kinds / sizeof kinds[0])], chance_below(chance, (size_t)ranks),
             next_step + chance_below(chance, last_step + 1 - next_step));
}

disturbance disturbance_choose(chance *chance, int ranks, size_t next_step, size_t last_step,
                               double training_seconds)
{
    disturbance d = {.kind = (disturbance_kind)(1 + chance_below(chance, DISTURBANCES - 1))};
    size_t which = chance_below(chance, sizeof signals / sizeof signals[0]);

    d.signal = signals[which];
    d.comes_twice = chance_below(chance, 8) == 0;
    d.awaits_training = chance_below(chance, 5) > 0;
    d.delay_seconds = chance_seconds(chance, chance_below(chance, 3) == 0 ? 0.05 : 0.7 * training_seconds);
    d.patience_seconds = chance_seconds(chance, 0.03);
    d.rank = chance_below(chance, (size_t)ranks);
    if (d.kind == INJECT)
        choose_injection(chance, ranks, next_step, last_step, &d);
    if (d.kind == LIMIT_TIME)
        snprintf(d.options, sizeof d.options, "--time-limit %.3fs",
                 0.2 + chance_seconds(chance, 2 * training_seconds));
    snprintf(d.text, sizeof d.text, "%s (%s%s, rank %zu of %d, %.3f s after %s, grace %.3f s) %s",
             kind_names[d.kind], signal_names[which], d.comes_twice ? " twice" : "", d.rank, ranks,
             d.delay_seconds, d.awaits_training ? "training began" : "the start", d.patience_seconds,
             d.options);
    return d;
}

/* ---- doing ---- */

static void pause_for(double seconds)
{
    const struct timespec pause = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};

    nanosleep(&pause, NULL);
}

/* The log is begun anew when training begins, also where it goes on. */
static void await_training(const program *program, const char *run)
{
    char path[256];
    struct stat before = {0}, now = {0};

    snprintf(path, sizeof path, "%s/history.csv", run);
    stat(path, &before);
    while (!process_has_ended(program->process) &&
           (stat(path, &now) != 0 ||
            (now.st_ino == before.st_ino && now.st_mtim.tv_sec == before.st_mtim.tv_sec &&
             now.st_mtim.tv_nsec == before.st_mtim.tv_nsec)))
        pause_for(0.001);
}

bool disturbance_is_struck(const disturbance *d)
{
    return d->kind != NOTHING && d->kind != INJECT && d->kind != LIMIT_TIME;
}

void disturbance_await(const disturbance *d, const program *program, const char *run)
{
    pid_t ranks[PROGRAM_RANKS];

    if (!disturbance_is_struck(d))
        return;
    if (d->awaits_training)
        await_training(program, run);
    pause_for(d->delay_seconds);
    /* Before all ranks are there nothing can be lost, and those that come later would be missed by the strike. */
    while (!process_has_ended(program->process) && program_ranks(program, ranks) < (size_t)program->ranks)
        pause_for(0.001);
}

/* A signal to whom it is for. */
static void send(const disturbance *d, int number, const program *program, const pid_t *ranks, size_t count)
{
    bool is_for_one = d->kind == SIGNAL_A_RANK || d->kind == KILL_A_RANK;
    bool is_for_launcher = d->kind == SIGNAL_THE_LAUNCHER || d->kind == KILL_THE_LAUNCHER;

    if (is_for_launcher || (number == SIGKILL && !is_for_one))
        kill(program->process, number);
    for (size_t i = 0; i < count && !is_for_launcher; i++)
        if (!is_for_one || i == d->rank)
            kill(ranks[i], number);
}

void disturbance_strike(const disturbance *d, const program *program, const pid_t *ranks, size_t count)
{
    bool kills = d->kind == KILL_A_RANK || d->kind == KILL_THE_LAUNCHER || d->kind == KILL_ALL;

    if (!disturbance_is_struck(d))
        return;
    send(d, kills ? SIGKILL : d->signal, program, ranks, count);
    if (kills || (!d->comes_twice && d->kind != SIGNAL_THEN_KILL))
        return;
    pause_for(d->patience_seconds);
    send(d, d->kind == SIGNAL_THEN_KILL ? SIGKILL : d->signal, program, ranks, count);
}

/* ---- what may come of it ---- */

bool disturbance_allows(const disturbance *d, int ranks, int exit_code)
{
    bool is_ended_by_signal = exit_code == 128 + d->signal || (ranks > 1 && exit_code == 1);

    if (exit_code == 0) /* it was too late */
        return true;
    /* Ranks that are about to find each other fail in many ways, SIGPIPE among them. */
    if (disturbance_is_struck(d) && !d->awaits_training && ranks > 1)
        return true;
    switch (d->kind) {
    case SIGNAL_A_RANK:
    case SIGNAL_ALL_RANKS:
    case SIGNAL_THE_LAUNCHER:
        /* Before the first step, and when it comes twice, a signal does what it always does. */
        return exit_code == 75 || is_ended_by_signal;
    case KILL_A_RANK:
    case KILL_THE_LAUNCHER:
    case KILL_ALL:
        return exit_code == 128 + SIGKILL;
    case SIGNAL_THEN_KILL:
        return exit_code == 75 || exit_code == 128 + SIGKILL || is_ended_by_signal;
    case INJECT:
        return exit_code == 1 || exit_code == 128 + SIGABRT || exit_code == 128 + SIGKILL;
    case LIMIT_TIME:
        return exit_code == 75;
    case NOTHING:
    case DISTURBANCES:
        break;
    }
    return false;
}
