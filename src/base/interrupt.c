#include "multihead/base/interrupt.h"

#include <signal.h>
#include <stddef.h>

enum { SIGNALS = 3 };

static const int numbers[SIGNALS] = {SIGUSR1, SIGTERM, SIGINT};
static const char *const names[SIGNALS] = {"SIGUSR1", "SIGTERM", "SIGINT"};
static struct sigaction before[SIGNALS];
static volatile sig_atomic_t is_installed, came, interrupts;

static void remember(int number)
{
    if (number == SIGINT && ++interrupts > 1) {
        /* It is blocked until this returns, and then does what it does to a program that never heard of it. */
        signal(SIGINT, SIG_DFL);
        raise(SIGINT);
        return;
    }
    if (came == 0)
        came = number;
}

void mh_interrupt_install(void)
{
    struct sigaction action = {.sa_handler = remember, .sa_flags = SA_RESTART};

    if (is_installed)
        return;
    sigemptyset(&action.sa_mask);
    came = interrupts = 0;
    is_installed = 1;
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(numbers[i], &action, &before[i]);
}

void mh_interrupt_uninstall(void)
{
    for (size_t i = 0; is_installed && i < SIGNALS; i++)
        sigaction(numbers[i], &before[i], NULL);
    is_installed = 0;
}

int mh_interrupt_signal(void)
{
    return came;
}

const char *mh_interrupt_name(int number)
{
    for (size_t i = 0; i < SIGNALS; i++)
        if (numbers[i] == number)
            return names[i];
    return "";
}
