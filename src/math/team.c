#include "math/team.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "math/runtime.h"

/* A wait looks at memory first, then gives its core away between looks, and at last sleeps. */
enum { EAGER_TURNS = 1000, YIELDING_TURNS = 2000, LINE = 64 };

struct rr_team {
    size_t threads;
    pthread_t *handles; /* [threads - 1] */
    size_t started;

    _Alignas(LINE) atomic_uint round; /* of work; raised by rr_team_run */
    void (*work)(void *ctx, size_t thread, size_t threads);
    void *ctx;
    bool leave;

    _Alignas(LINE) atomic_uint arrived; /* at the barrier */
    _Alignas(LINE) atomic_uint passed;  /* barriers that all have reached */

    _Alignas(LINE) atomic_uint sleepers;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
};

typedef struct member {
    rr_team *team;
    size_t thread;
} member;

size_t rr_team_size(const rr_team *team) { return team != NULL ? team->threads : 1; }

void rr_team_barrier(rr_team *team) {
    if (team == NULL) return;
    unsigned before = atomic_load_explicit(&team->passed, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) + 1 == team->threads) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&team->passed, before + 1, memory_order_release);
        return;
    }
    for (size_t turn = 0; atomic_load_explicit(&team->passed, memory_order_acquire) == before; turn++)
        if (turn > EAGER_TURNS) sched_yield();
}

static void await_round(rr_team *team, unsigned last) {
    for (size_t turn = 0; turn < EAGER_TURNS + YIELDING_TURNS; turn++) {
        if (atomic_load_explicit(&team->round, memory_order_acquire) != last) return;
        if (turn > EAGER_TURNS) sched_yield();
    }
    pthread_mutex_lock(&team->mutex);
    atomic_fetch_add(&team->sleepers, 1);
    while (atomic_load(&team->round) == last) pthread_cond_wait(&team->wake, &team->mutex);
    atomic_fetch_sub(&team->sleepers, 1);
    pthread_mutex_unlock(&team->mutex);
}

/* Everybody sees the new round; those asleep are woken. Both counters in one order, so that no sleeper is missed. */
static void next_round(rr_team *team) {
    atomic_fetch_add(&team->round, 1);
    if (atomic_load(&team->sleepers) == 0) return;
    pthread_mutex_lock(&team->mutex);
    pthread_cond_broadcast(&team->wake);
    pthread_mutex_unlock(&team->mutex);
}

static void *live(void *argument) {
    member self = *(member *)argument;
    free(argument);
    rr_math_thread_start();
    for (unsigned round = 0;;) {
        await_round(self.team, round++);
        if (self.team->leave) return NULL;
        self.team->work(self.team->ctx, self.thread, self.team->threads);
        rr_team_barrier(self.team);
    }
}

void rr_team_run(rr_team *team, void (*work)(void *ctx, size_t thread, size_t threads), void *ctx) {
    if (team == NULL) {
        work(ctx, 0, 1);
        return;
    }
    team->work = work;
    team->ctx = ctx;
    next_round(team);
    work(ctx, 0, team->threads);
    rr_team_barrier(team);
}

/* Where the process owns just as many processors as it has threads, each thread keeps one to itself. */
static void bind(pthread_t thread, size_t index, size_t threads) {
    cpu_set_t all, one;
    if (sched_getaffinity(0, sizeof all, &all) != 0 || (size_t)CPU_COUNT(&all) != threads) return;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all) || index-- > 0) continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        pthread_setaffinity_np(thread, sizeof one, &one);
        return;
    }
}

static rr_status start(rr_team *team) {
    for (size_t thread = 1; thread < team->threads; thread++) {
        member *self = malloc(sizeof *self);
        if (self == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu threads", team->threads);
        *self = (member){team, thread};
        int code = pthread_create(&team->handles[team->started], NULL, live, self);
        if (code != 0) {
            free(self);
            return rr_fail(RR_ERR_RUNTIME, "thread %zu of %zu cannot be started: %s", thread, team->threads,
                           strerror(code));
        }
        bind(team->handles[team->started++], thread, team->threads);
    }
    return RR_OK;
}

rr_status rr_team_create(size_t threads, rr_team **out) {
    *out = NULL;
    if (threads <= 1) return RR_OK;
    rr_team *team = aligned_alloc(LINE, (sizeof *team + LINE - 1) / LINE * LINE);
    pthread_t *handles = calloc(threads, sizeof *handles);
    if (team == NULL || handles == NULL) {
        free(team);
        free(handles);
        return rr_fail(RR_ERR_NOMEM, "no memory for %zu threads", threads);
    }
    memset(team, 0, sizeof *team);
    team->threads = threads;
    team->handles = handles;
    pthread_mutex_init(&team->mutex, NULL);
    pthread_cond_init(&team->wake, NULL);
    rr_status status = start(team);
    if (status != RR_OK) {
        rr_team_free(team);
        return status;
    }
    *out = team;
    return RR_OK;
}

void rr_team_free(rr_team *team) {
    if (team == NULL) return;
    team->leave = true;
    next_round(team);
    for (size_t i = 0; i < team->started; i++) pthread_join(team->handles[i], NULL);
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->mutex);
    free(team->handles);
    free(team);
}
