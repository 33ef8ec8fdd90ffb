/*
 * For clang-tidy, put before every file: functions that word an error return the status that they are given, which is
 * never RR_OK. The analyzer sees one file at a time and would try the other case, finding null pointers that no run can
 * reach. A file that defines one of them is analysed with RR_LINT_DEFINES_<NAME>.
 */
#include "base/error.h"
#include "config/config.h"

#ifndef RR_LINT_DEFINES_FAIL
#define rr_fail(status, ...) (rr_fail((status), __VA_ARGS__), (status))
#define rr_fail_within(status, ...) (rr_fail_within((status), __VA_ARGS__), (status))
#endif
#ifndef RR_LINT_DEFINES_CONFIG_FAIL
#define rr_config_fail(...) (rr_config_fail(__VA_ARGS__), RR_ERR_INPUT)
#endif
