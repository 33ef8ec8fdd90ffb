/* The lock of a run folder: a file that names its owner, and flock on it, which ends with the owner. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "ckpt/lock_owner.h"
#include "ckpt/store.h"

struct rr_run_lock {
    rr_buffer path;  /* <run_folder>/lock */
    rr_buffer guard; /* <run_folder>/lock.takeover: held by the one who replaces a stale lock */
    rr_buffer draft; /* our lock file before it gets its name */
    int fd;          /* of our lock file; keeps the flock */
    rr_lock_owner self;
    double looked_s; /* when rr_run_lock_lost last looked */
};

enum { ATTEMPTS = 20 };
static const double look_every_s = 5, patience_s = 60;

/* What became of a lock that was there: it is ours now, or it was another by the time. */
typedef enum outcome { TAKEN, CHANGED } outcome;

static rr_status system_fail(const char *path, const char *what) {
    return rr_fail(RR_ERR_RUNTIME, "%s: %s: %s", path, what, strerror(errno));
}

/* The lock file under a name of its own, whole, on disk and flocked before anybody can see it. */
static rr_status write_draft(rr_run_lock *lock) {
    rr_buffer text = {0};
    rr_status status = RR_OK;
    rr_lock_owner_write(&lock->self, &text);
    lock->fd = mkostemp(lock->draft.data, O_CLOEXEC);
    if (lock->fd < 0) {
        status = system_fail(rr_buffer_text(&lock->path), "the lock cannot be made");
        rr_buffer_clear(&lock->draft);
    } else if (write(lock->fd, rr_buffer_text(&text), text.length) != (ssize_t)text.length || fsync(lock->fd) != 0 ||
               fchmod(lock->fd, 0644) != 0) {
        status = system_fail(rr_buffer_text(&lock->path), "the lock cannot be written");
    } else {
        flock(lock->fd, LOCK_EX | LOCK_NB); /* where file systems have none, the text must do */
    }
    rr_buffer_free(&text);
    return status;
}

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Gives the draft the lock's name, if nobody has it. @return 0, or -1 with errno */
static int take_free_name(const rr_run_lock *lock) {
    if (link(lock->draft.data, lock->path.data) == 0) return 0;
    int error = errno;
    struct stat ours, there; /* over NFS a link may be made and its answer lost */
    if (fstat(lock->fd, &ours) == 0 && stat(lock->path.data, &there) == 0 && same_file(&ours, &there)) return 0;
    if (error != EEXIST && renameat2(AT_FDCWD, lock->draft.data, AT_FDCWD, lock->path.data, RENAME_NOREPLACE) == 0)
        return 0;
    if (error != EEXIST && errno != EEXIST) {
        errno = error;
        return -1;
    }
    errno = EEXIST;
    return -1;
}

static void describe(const rr_lock_owner *owner, rr_buffer *out) {
    rr_buffer_printf(out, "process %lld on host %s", owner->pid, owner->host);
    if (owner->job[0] != 0) rr_buffer_printf(out, " (Slurm job %s)", owner->job);
    if (owner->since[0] != 0) rr_buffer_printf(out, " since %s", owner->since);
}

static rr_status refuse(const rr_run_lock *lock, const rr_lock_owner *owner, rr_owner_state state) {
    rr_buffer who = {0};
    describe(owner, &who);
    rr_status status =
        state == RR_OWNER_RUNS
            ? rr_fail(RR_ERR_INPUT,
                      "%s: the run folder is in use by %s: wait for it to end, or choose another run.name",
                      lock->path.data, rr_buffer_text(&who))
            : rr_fail(RR_ERR_INPUT,
                      "%s: the run folder was taken by %s; it cannot be seen from here whether that still runs. If you "
                      "are sure "
                      "that it does not, remove this file",
                      lock->path.data, rr_buffer_text(&who));
    rr_buffer_free(&who);
    return status;
}

/* Puts the draft in the place of the stale lock `judged`. Takers go one at a time, so none replaces another's new lock.
 */
static rr_status replace(const rr_run_lock *lock, const struct stat *judged, outcome *out) {
    rr_status status = RR_OK;
    int guard = open(lock->guard.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (guard < 0 && errno == EEXIST)
        return rr_fail(RR_ERR_INPUT,
                       "%s: another process is taking the run folder at this moment; if you are sure that none is, "
                       "remove this file",
                       lock->guard.data);
    if (guard < 0) return system_fail(lock->guard.data, "cannot be made");
    close(guard);
    struct stat now;
    *out = CHANGED;
    if (stat(lock->path.data, &now) == 0 && same_file(&now, judged) && now.st_mtim.tv_sec == judged->st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == judged->st_mtim.tv_nsec) {
        if (rename(lock->draft.data, lock->path.data) == 0)
            *out = TAKEN;
        else
            status = system_fail(lock->path.data, "the lock cannot be made");
    }
    unlink(lock->guard.data);
    return status;
}

/*
 * An earlier start of our job that still holds its flock has just lost the lock. It notices at its next step, and
 * before it saves; what is being written gets the time to end.
 */
static void wait_for_earlier_start(int fd, const rr_lock_owner *owner) {
    rr_buffer who = {0};
    describe(owner, &who);
    fprintf(stderr, "ringrnn: %s belongs to an earlier start of this job and still runs: waiting for its end\n",
            rr_buffer_text(&who));
    rr_buffer_free(&who);
    double end = rr_clock_seconds() + patience_s;
    while (flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK && rr_clock_seconds() < end) usleep(100000);
}

/* Looks at the lock that is there: refuses, or replaces it. */
static rr_status judge(const rr_run_lock *lock, outcome *out) {
    rr_status status;
    *out = CHANGED;
    int fd = open(lock->path.data, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return errno == ENOENT ? RR_OK : system_fail(lock->path.data, "the lock cannot be read");
    char text[4096];
    struct stat judged;
    rr_lock_owner owner;
    int probe = flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : errno;
    ssize_t length = read(fd, text, sizeof text - 1);
    if (length < 0 || fstat(fd, &judged) != 0) {
        status = system_fail(lock->path.data, "the lock cannot be read");
        goto close_lock;
    }
    text[length] = 0;
    if (!rr_lock_owner_parse(text, &owner)) {
        status =
            rr_fail(RR_ERR_INPUT, "%s: is not a lock that ringrnn wrote; if no run uses the folder, remove this file",
                    lock->path.data);
        goto close_lock;
    }
    bool held = probe == EWOULDBLOCK, earlier = rr_lock_owner_is_earlier_start(&owner, &lock->self);
    rr_owner_state state = held && !earlier ? RR_OWNER_RUNS : rr_lock_owner_state(&owner, &lock->self, probe == 0);
    status = state == RR_OWNER_GONE ? replace(lock, &judged, out) : refuse(lock, &owner, state);
    if (held && *out == TAKEN) wait_for_earlier_start(fd, &owner);
close_lock:
    close(fd);
    return status;
}

static rr_status take(rr_run_lock *lock) {
    RR_TRY(write_draft(lock));
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (take_free_name(lock) == 0) return RR_OK;
        if (errno != EEXIST) return system_fail(lock->path.data, "the lock cannot be made");
        outcome how;
        RR_TRY(judge(lock, &how));
        if (how == TAKEN) return RR_OK;
        usleep(1000);
    }
    return rr_fail(RR_ERR_INPUT, "%s: other processes take and release the run folder all the time", lock->path.data);
}

static void free_lock(rr_run_lock *lock) {
    if (lock->fd >= 0) close(lock->fd);
    rr_buffer_free(&lock->path);
    rr_buffer_free(&lock->guard);
    rr_buffer_free(&lock->draft);
    free(lock);
}

rr_status rr_run_lock_take(const char *run_folder, rr_run_lock **out) {
    rr_run_lock *lock = calloc(1, sizeof *lock);
    if (lock == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the run's lock");
    lock->fd = -1;
    rr_buffer_printf(&lock->path, "%s/lock", run_folder);
    rr_buffer_printf(&lock->guard, "%s/lock.takeover", run_folder);
    rr_buffer_printf(&lock->draft, "%s/lock.tmp.XXXXXX", run_folder);
    rr_lock_owner_self(&lock->self);
    bool failed = lock->path.failed || lock->guard.failed || lock->draft.failed;
    rr_status status = failed ? rr_fail(RR_ERR_NOMEM, "no memory for a path") : take(lock);
    if (lock->draft.length > 0)
        unlink(lock->draft.data); /* a rename has used it up; after a link it is one name too many */
    if (status != RR_OK) {
        free_lock(lock);
        return status;
    }
    *out = lock;
    return RR_OK;
}

rr_status rr_run_lock_check(const rr_run_lock *lock) {
    rr_status status = RR_OK;
    struct stat ours, there;
    int fd =
        open(lock->path.data, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* over NFS, opening a file looks at the server */
    if (fd < 0) return RR_OK;                                     /* removed, but nobody has taken the run */
    if (fstat(lock->fd, &ours) == 0 && fstat(fd, &there) == 0 && !same_file(&ours, &there)) {
        char text[4096];
        rr_lock_owner owner;
        rr_buffer who = {0};
        ssize_t length = read(fd, text, sizeof text - 1);
        text[length > 0 ? length : 0] = 0;
        if (rr_lock_owner_parse(text, &owner)) describe(&owner, &who);
        status = rr_fail(RR_ERR_RUNTIME, "%s: the run was taken over by %s: this start of it ends, and saves nothing",
                         lock->path.data, who.length > 0 ? rr_buffer_text(&who) : "another process");
        rr_buffer_free(&who);
    }
    close(fd);
    return status;
}

bool rr_run_lock_lost(rr_run_lock *lock) {
    double now = rr_clock_seconds();
    if (now - lock->looked_s < look_every_s) return false;
    lock->looked_s = now;
    return rr_run_lock_check(lock) != RR_OK;
}

void rr_run_lock_release(rr_run_lock *lock) {
    if (lock == NULL) return;
    struct stat ours, there; /* somebody may have removed our lock, and another taken the name */
    if (fstat(lock->fd, &ours) == 0 && stat(lock->path.data, &there) == 0 && same_file(&ours, &there))
        unlink(lock->path.data);
    free_lock(lock);
}
