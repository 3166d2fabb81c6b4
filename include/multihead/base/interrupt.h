#ifndef MULTIHEAD_BASE_INTERRUPT_H
#define MULTIHEAD_BASE_INTERRUPT_H

/*
 * Signals that ask a long job to stop in good order: SIGUSR1 and SIGTERM, which batch systems send before they kill,
 * and the user's SIGINT. They are remembered here; who does the work looks now and then. A second SIGINT ends the
 * process at once.
 */

/** From now on the signals are remembered. */
void mh_interrupt_install(void);

/** From now on they do what they did before. One that came in between stays remembered. */
void mh_interrupt_uninstall(void);

/** The first signal that came since install, 0: none. */
int mh_interrupt_signal(void);

/** "SIGUSR1"; "" for a signal that is none of these. */
const char *mh_interrupt_name(int signal);

#endif
