/* Whether people look at what is printed, and how wide their window is. */
#ifndef RR_LOG_TERMINAL_H
#define RR_LOG_TERMINAL_H

#include <stdbool.h>

typedef struct rr_terminal {
    bool interactive; /* a line may be drawn over */
    bool color;       /* NO_COLOR (no-color.org) is not set */
    int size_fd;      /* the terminal whose size counts, -1: none */
} rr_terminal;

/**
 * Looks at the file that fd writes to. mpirun puts a terminal without a size between itself and the ranks on its node,
 * also where its own output goes to a file: then the nearest ancestor with another output decides.
 */
void rr_terminal_open(int fd, rr_terminal *out);
void rr_terminal_close(rr_terminal *terminal);

/** Columns of the window now; 80 where it does not say. */
int rr_terminal_columns(const rr_terminal *terminal);

#endif
