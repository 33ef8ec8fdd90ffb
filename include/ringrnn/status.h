/* Status codes and the last error message of the calling thread. */
#ifndef RINGRNN_STATUS_H
#define RINGRNN_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/** What every function that can fail returns. The values are the program's exit codes, but for RR_ERR_NOMEM (exit code
 * 1). */
typedef enum rr_status {
    RR_OK = 0,
    RR_ERR_RUNTIME = 1, /* it failed while running: file system, network, library */
    RR_ERR_INPUT = 2,   /* the user's input is wrong: usage, YAML, data file */
    RR_ERR_NUMERIC = 3, /* a loss or gradient is not finite */
    RR_ERR_NOMEM = 4,   /* memory could not be had */
    RR_STOPPED = 75     /* stopped by a signal or a time limit, after saving */
} rr_status;

/** The message of the last failure in this thread, one line or more, without a newline at its end; "" if there is none.
 */
const char *rr_last_error(void);

/** The exit code that a program ends with for this status. */
int rr_status_exit_code(rr_status status);

#ifdef __cplusplus
}
#endif
#endif
