/* Signals that ask for saving and leaving. */
#ifndef RR_TRAIN_SIGNALS_H
#define RR_TRAIN_SIGNALS_H

#include <stdbool.h>

/**
 * Catches SIGTERM, SIGINT and SIGUSR1. The handler only sets a flag, which the next step's control exchange spreads.
 * SIGPIPE is ignored.
 */
void rr_signals_catch(void);
/** alone: started without mpirun, where a second SIGINT ends the program at once. */
void rr_signals_alone(bool alone);

/** The signal that asked, or 0. */
int rr_signals_caught(void);

#endif
