#include "train/signals.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t caught;
static volatile sig_atomic_t second_interrupt_ends;

static void on_signal(int number) {
    if (caught != 0 && number == SIGINT && second_interrupt_ends) {
        signal(SIGINT, SIG_DFL);
        raise(SIGINT); /* delivered when the handler returns */
    }
    caught = number;
}

void rr_signals_catch(void) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    second_interrupt_ends = 0;
    caught = 0;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaction(numbers[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* who watched through a pipe may leave: the training goes on */
}

void rr_signals_alone(bool alone) { second_interrupt_ends = alone; }

int rr_signals_caught(void) { return caught; }
