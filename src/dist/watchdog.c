#include "dist/watchdog.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "dist/comm_private.h"
#include "dist/heartbeat.h"

static const double usual_limit_s = 300, leave_s = 5;
#define NO_STEP UINT64_MAX

struct rr_watchdog {
    const rr_comm *comm;
    rr_heart *heart;
    pthread_t thread;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t changed;
    bool quit;
    double limit_s;
    char told[256]; /* of the wait number `told_move` */
    uint64_t told_move;

    /* Written by the rank without a lock, in every wait. */
    _Atomic(const char *) waits_for; /* NULL: at work */
    _Atomic(const char *) phase;
    _Atomic uint64_t step, moves;
    atomic_bool asks;
    atomic_int leaves_with; /* exit code; -1: it does not leave */

    /* The thread's own. */
    rr_beat known;      /* the latest progress in the job */
    double idle_s;      /* since it became known */
    double waited_s;    /* this rank, since its own */
    time_t waits_since; /* for people */
    uint64_t seen_moves;
    double *silent_s; /* [peers] */
    double left_s;
    bool warned;
};

static double tick_s(double limit_s) {
    double tick = limit_s > 0 ? limit_s / 16 : 1;
    return tick > 1 ? 1 : tick < 0.05 ? 0.05 : tick;
}

static void name_rank(const rr_watchdog *w, size_t rank, rr_buffer *out) {
    rr_buffer_printf(out, "rank %zu (host %s)", rank, w->comm->places[rank].host);
}

/* One line in one write, so that those of ranks do not mix. */
static void say(rr_buffer *line) {
    rr_buffer_puts(line, "\n");
    ssize_t written = write(STDERR_FILENO, rr_buffer_text(line), line->length);
    (void)written;
    rr_buffer_free(line);
}

static void describe_wait(const rr_watchdog *w, const char *what, uint64_t moves, rr_buffer *out) {
    char clock[32] = "";
    struct tm local;
    if (localtime_r(&w->waits_since, &local) != NULL) strftime(clock, sizeof clock, "%H:%M:%S", &local);
    rr_buffer_printf(out, " waits since %s (%.0f s): %s", clock, w->waited_s, what);
    if (w->told_move == moves && w->told[0] != 0) rr_buffer_printf(out, ", %s", w->told);
}

static bool is_missed(const rr_watchdog *w, size_t peer) { return w->silent_s[peer] > w->limit_s / 2; }

static size_t count_missed(const rr_watchdog *w) {
    size_t missed = 0;
    for (size_t i = 0; i < rr_heart_peers(w->heart); i++) missed += is_missed(w, i);
    return missed;
}

static void begin_line(const rr_watchdog *w, rr_buffer *line) {
    const char *phase = atomic_load_explicit(&w->phase, memory_order_relaxed);
    uint64_t step = atomic_load_explicit(&w->step, memory_order_relaxed);
    rr_buffer_puts(line, "ringrnn: ");
    name_rank(w, w->comm->rank, line);
    rr_buffer_printf(line, ", %s", phase);
    if (step != NO_STEP) rr_buffer_printf(line, " (step %" PRIu64 ")", step);
    rr_buffer_puts(line, ",");
}

/* Never returns. */
static void give_up(const rr_watchdog *w, const char *what, uint64_t moves) {
    rr_buffer line = {0};
    begin_line(w, &line);
    describe_wait(w, what, moves, &line);
    rr_buffer_printf(&line, ". No rank has made progress for dist.timeout_s (%g s)", w->limit_s);
    const char *before = "; silent meanwhile: ";
    for (size_t i = 0; i < rr_heart_peers(w->heart); i++) {
        if (!is_missed(w, i)) continue;
        rr_buffer_puts(&line, before);
        name_rank(w, rr_heart_peer(w->heart, i), &line);
        before = ", ";
    }
    rr_buffer_puts(&line, count_missed(w) > 0 ? ": stopped, or its host or network is down (or takes no UDP). "
                                              : "; the ranks that this one hears of are alive, and wait too. ");
    rr_buffer_puts(&line, "The same command goes on from the last checkpoint");
    say(&line);
    usleep(200 * 1000); /* for the launcher to read it */
    _exit(rr_status_exit_code(RR_ERR_RUNTIME));
}

/* A file system that hangs looks like one that is slow. So the job goes on, but the neighbour of the slow one tells. */
static void warn(rr_watchdog *w, const char *what, uint64_t moves) {
    size_t mover = w->known.mover;
    if (w->warned || (mover + 1) % w->comm->size != w->comm->rank) return;
    rr_buffer line = {0};
    begin_line(w, &line);
    describe_wait(w, what, moves, &line);
    rr_buffer_puts(&line, "; ");
    name_rank(w, mover, &line);
    rr_buffer_puts(&line, " is at work, so the job goes on");
    say(&line);
    w->warned = true;
}

/* With the mutex. */
static void judge(rr_watchdog *w, const char *what, uint64_t moves) {
    double grace = w->limit_s / 4 < 5 ? w->limit_s / 4 : 5; /* for who misses nobody */
    if (w->limit_s == 0 || what == NULL) return;
    if (w->waited_s > w->limit_s / 4) atomic_store_explicit(&w->asks, true, memory_order_relaxed);
    if (w->idle_s > w->limit_s + (count_missed(w) > 0 ? 0 : grace)) give_up(w, what, moves);
    if (w->waited_s > w->limit_s && w->idle_s < w->limit_s / 2) warn(w, what, moves);
}

static void count_time(rr_watchdog *w, double passed) {
    w->idle_s += passed;
    w->waited_s += passed;
    for (size_t i = 0; i < rr_heart_peers(w->heart); i++) w->silent_s[i] += passed;
    int code = atomic_load(&w->leaves_with);
    if (code >= 0 && (w->left_s += passed) > leave_s) _exit(code);
}

static void hear_others(rr_watchdog *w) {
    size_t peer;
    rr_beat beat;
    while (rr_heart_receive(w->heart, &peer, &beat)) {
        w->silent_s[peer] = 0;
        if (beat.number <= w->known.number || beat.mover >= w->comm->size) continue;
        w->known = beat;
        w->idle_s = 0;
    }
}

/* With the mutex. */
static void tick(rr_watchdog *w, double passed) {
    count_time(w, passed);
    uint64_t moves = atomic_load_explicit(&w->moves, memory_order_acquire);
    const char *what = atomic_load_explicit(&w->waits_for, memory_order_relaxed);
    hear_others(w);
    if (what == NULL || moves != w->seen_moves) {
        w->seen_moves = moves;
        w->waits_since = time(NULL);
        w->waited_s = 0;
        w->known = (rr_beat){.number = w->known.number + 1, .mover = w->comm->rank};
        w->idle_s = 0;
        w->warned = false;
        atomic_store_explicit(&w->asks, false, memory_order_relaxed);
    }
    rr_heart_send(w->heart, &w->known);
    judge(w, what, moves);
}

static void *watch(void *argument) {
    rr_watchdog *w = argument;
    double last = rr_clock_seconds();
    pthread_mutex_lock(&w->mutex);
    while (!w->quit) {
        double rest = tick_s(w->limit_s);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += (time_t)rest;
        until.tv_nsec += (long)(1e9 * (rest - floor(rest)));
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&w->changed, &w->mutex, &until);
        double now = rr_clock_seconds(), passed = now - last;
        last = now;
        if (!w->quit) tick(w, passed < 2 * rest ? passed : 2 * rest);
    }
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

static rr_status start_thread(rr_watchdog *w) {
    pthread_condattr_t attributes;
    sigset_t all, before;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    sigfillset(&all); /* signals are for the training thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&w->thread, NULL, watch, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 ? RR_OK : rr_fail(RR_ERR_RUNTIME, "the watchdog cannot be started: %s", strerror(error));
}

rr_status rr_watchdog_start(const rr_comm *comm, rr_watchdog **out) {
    rr_heart *heart = NULL;
    *out = NULL;
    if (comm->size == 1) return RR_OK;
    RR_TRY(rr_heart_open(comm, &heart));
    rr_watchdog *w = calloc(1, sizeof *w);
    double *silent_s = calloc(rr_heart_peers(heart), sizeof *silent_s);
    rr_status status = RR_OK;
    if (w == NULL || silent_s == NULL) {
        status = rr_fail(RR_ERR_NOMEM, "no memory for the watchdog");
        goto free_all;
    }
    w->comm = comm;
    w->heart = heart;
    w->silent_s = silent_s;
    w->limit_s = usual_limit_s;
    atomic_init(&w->phase, "set-up");
    atomic_init(&w->step, NO_STEP);
    atomic_init(&w->leaves_with, -1);
    w->known.mover = comm->rank;
    status = start_thread(w);
    if (status != RR_OK) goto free_all;
    *out = w;
    return RR_OK;
free_all:
    rr_heart_close(heart);
    free(silent_s);
    free(w);
    return status;
}

void rr_watchdog_stop(rr_watchdog *watchdog) {
    if (watchdog == NULL) return;
    pthread_mutex_lock(&watchdog->mutex);
    watchdog->quit = true;
    pthread_cond_broadcast(&watchdog->changed);
    pthread_mutex_unlock(&watchdog->mutex);
    pthread_join(watchdog->thread, NULL);
    pthread_cond_destroy(&watchdog->changed);
    pthread_mutex_destroy(&watchdog->mutex);
    rr_heart_close(watchdog->heart);
    free(watchdog->silent_s);
    free(watchdog);
}

void rr_watchdog_limit(rr_watchdog *watchdog, double seconds) {
    if (watchdog == NULL) return;
    pthread_mutex_lock(&watchdog->mutex);
    watchdog->limit_s = seconds;
    pthread_cond_broadcast(&watchdog->changed);
    pthread_mutex_unlock(&watchdog->mutex);
}

void rr_watchdog_phase(rr_watchdog *watchdog, const char *phase, uint64_t step) {
    if (watchdog == NULL) return;
    atomic_store_explicit(&watchdog->phase, phase, memory_order_relaxed);
    atomic_store_explicit(&watchdog->step, step, memory_order_relaxed);
}

/* The rank alone writes it. */
static void count_move(rr_watchdog *watchdog) {
    uint64_t moves = atomic_load_explicit(&watchdog->moves, memory_order_relaxed);
    atomic_store_explicit(&watchdog->moves, moves + 1, memory_order_release);
}

void rr_watchdog_waits(rr_watchdog *watchdog, const char *what) {
    if (watchdog == NULL) return;
    atomic_store_explicit(&watchdog->waits_for, what, memory_order_relaxed);
    count_move(watchdog);
}

void rr_watchdog_moved(rr_watchdog *watchdog) {
    if (watchdog != NULL) count_move(watchdog);
}

bool rr_watchdog_asks(const rr_watchdog *watchdog) {
    return watchdog != NULL && atomic_load_explicit(&watchdog->asks, memory_order_relaxed);
}

void rr_watchdog_tell(rr_watchdog *watchdog, const char *text) {
    pthread_mutex_lock(&watchdog->mutex);
    snprintf(watchdog->told, sizeof watchdog->told, "%s", text);
    watchdog->told_move = atomic_load_explicit(&watchdog->moves, memory_order_relaxed);
    atomic_store_explicit(&watchdog->asks, false, memory_order_relaxed);
    pthread_mutex_unlock(&watchdog->mutex);
}

void rr_watchdog_leave(rr_watchdog *watchdog, int exit_code) {
    if (watchdog != NULL) atomic_store(&watchdog->leaves_with, exit_code);
}
