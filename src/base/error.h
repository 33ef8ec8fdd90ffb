/* Wording errors: the function that finds one words it with rr_fail, callers pass it on with RR_TRY. */
#ifndef RR_BASE_ERROR_H
#define RR_BASE_ERROR_H

#include "ringrnn/status.h"

/** Records the message for rr_last_error() and returns status, so that `return rr_fail(...)` reads as one act. */
rr_status rr_fail(rr_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Puts words before the message of the failure that is being passed on ("checkpoint x: " ...); returns status. */
rr_status rr_fail_within(rr_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Returns from the calling function with the status of expr if it is not RR_OK. Only where nothing needs undoing. */
#define RR_TRY(expr)                                                                                                   \
    do {                                                                                                               \
        rr_status rr_try_status_ = (expr);                                                                             \
        if (rr_try_status_ != RR_OK) return rr_try_status_;                                                            \
    } while (0)

#endif
