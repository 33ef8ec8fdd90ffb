/* What a run tells: events, and the sinks that they go to. A new sink is one file and one line in log.c. */
#ifndef RR_LOG_LOG_H
#define RR_LOG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "config/schema.h"

/** The `log` section. */
typedef struct rr_log_config {
    size_t every_steps;
    bool tensorboard;
    size_t histogram_every_steps; /* 0: never */
} rr_log_config;

extern const rr_section rr_log_section;

typedef enum rr_event_kind {
    RR_EVENT_METRICS,   /* scalars of a split at a step: goes to metrics.jsonl, TensorBoard, progress line */
    RR_EVENT_PROGRESS,  /* scalars for the progress line alone */
    RR_EVENT_HISTOGRAM, /* name, values[count] */
    RR_EVENT_TEXT,      /* name, text: a sample, the config */
    RR_EVENT_MESSAGE,   /* text for people: banner, saved, resumed */
    RR_EVENT_WARNING
} rr_event_kind;

typedef struct rr_scalar {
    const char *name;
    double value;
} rr_scalar;

typedef struct rr_event {
    rr_event_kind kind;
    uint64_t step;
    uint64_t epoch;
    const char *split; /* "train", "valid", "test" */
    const rr_scalar *scalars;
    size_t scalar_count;
    const char *name;
    const char *text;
    const float *values;
    size_t count;
    /* for the progress line */
    uint64_t total_steps; /* 0: not known */
    uint64_t total_epochs;
    double eta_s; /* NAN: not known */
} rr_event;

typedef struct rr_logger rr_logger; /* not rr_log: that is the logarithm of math/pointwise.h */

typedef struct rr_sink_ops {
    const char *name;
    /**
     * run_folder NULL: there is no place for files. resume_step: what stands in files beyond that step is dropped (0: a
     * new run). NULL in *out: not wanted.
     */
    rr_status (*open)(const char *run_folder, const rr_log_config *config, uint64_t resume_step, void **out);
    rr_status (*write)(void *sink, const rr_event *event);
    rr_status (*flush)(void *sink); /* what was written is in the file system when it returns */
    void (*close)(void *sink);
} rr_sink_ops;

extern const rr_sink_ops rr_sink_console, rr_sink_jsonl, rr_sink_tensorboard;
extern const rr_sink_ops *const rr_sinks[];
extern const size_t rr_sink_count;

/** Opens all sinks (rank 0 alone logs). run_folder NULL: console only. */
rr_status rr_log_open(const char *run_folder, const rr_log_config *config, uint64_t resume_step, rr_logger **out);
rr_status rr_log_write(rr_logger *log, const rr_event *event);
rr_status rr_log_flush(rr_logger *log);
void rr_log_close(rr_logger *log);

/** Shorthands. log NULL: nothing happens (ranks other than 0). */
void rr_log_message(rr_logger *log, const char *format, ...) __attribute__((format(printf, 2, 3)));
void rr_log_warning(rr_logger *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
