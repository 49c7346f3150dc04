/* Counts what a process writes to the files of one log, and does something to one of the calls.
 *
 * Preloaded into a child of `every_write.rs`. The files are the one that ANJU_SHIM_FILE names and those whose names go
 * on with `-` (the write-ahead log, its index, the journal). Nothing is counted until the child writes "arm" into the
 * file of that name with ".order" behind it; "heal" ends a trouble that lasts.
 *
 *   ANJU_SHIM_AT     which call is meant, from 1; 0 for none
 *   ANJU_SHIM_DO     kill-before  die instead of the call
 *                    kill-after   die when it is done
 *                    kill-within  die when half of it is written
 *                    power-cut    die instead of the call, and take back all that no sync has made durable
 *                    eio, enospc  fail this one call
 *                    eio-on, enospc-on  fail this call and all later ones, until healed
 *   ANJU_SHIM_TRACE  a file: one line for each counted call
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int armed, healed, tripped;
static long counted;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off64_t);
static int (*real_unlink)(const char *);

/* What a write has changed since the last sync of its file; the newest first. */
struct change {
    struct change *before;
    char path[PATH_MAX];
    off64_t at, size;
    size_t length;
    char *bytes;
};
static struct change *unsynced;

__attribute__((constructor)) static void find(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
}

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

static int starts(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

/* Whether a path is one of the log's: the file itself, or it and a dash. */
static int ours(const char *path) {
    const char *file = setting("ANJU_SHIM_FILE");
    size_t length = strlen(file);
    return length && starts(path, file) && (path[length] == 0 || path[length] == '-');
}

static int is_order(const char *path) {
    const char *file = setting("ANJU_SHIM_FILE");
    size_t length = strlen(file);
    return length && starts(path, file) && strcmp(path + length, ".order") == 0;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* The end of the power: what was written since the last sync never reached the disk. */
static void take_back(void) {
    for (struct change *c = unsynced; c; c = c->before) {
        int fd = open(c->path, O_WRONLY);
        if (fd < 0) continue;
        if (c->length && real_pwrite(fd, c->bytes, c->length, c->at) != (ssize_t)c->length) abort();
        if (real_ftruncate(fd, c->size) != 0) abort();
        close(fd);
    }
}

/* Remembers what stands where a write of `length` bytes at `at` goes; of a truncation, what is cut off. */
static void remember(int fd, const char *path, off64_t at, size_t length) {
    struct stat64 now;
    if (fstat64(fd, &now) != 0) return;
    struct change *c = calloc(1, sizeof *c);
    if (!c) abort();
    strcpy(c->path, path);
    c->at = at;
    c->size = now.st_size;
    if (at < now.st_size) {
        c->length = (size_t)(now.st_size - at) < length ? (size_t)(now.st_size - at) : length;
        c->bytes = malloc(c->length);
        /* The file may be open for writing only; its content is read through a name of its own. */
        int reader = open(path, O_RDONLY);
        if (!c->bytes || reader < 0) abort();
        if (pread64(reader, c->bytes, c->length, at) != (ssize_t)c->length) abort();
        /* Not closed: closing any descriptor of a file lets go of the locks that SQLite holds on it. */
    }
    c->before = unsynced;
    unsynced = c;
}

static void made_durable(const char *path) {
    struct change **at = &unsynced;
    while (*at) {
        struct change *c = *at;
        if (strcmp(c->path, path) == 0) {
            *at = c->before;
            free(c->bytes);
            free(c);
        } else {
            at = &c->before;
        }
    }
}

static void trace(const char *call, const char *path, size_t length) {
    const char *file = setting("ANJU_SHIM_TRACE");
    if (!*file) return;
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0) return;
    char line[PATH_MAX + 64];
    const char *rest = path + strlen(setting("ANJU_SHIM_FILE"));
    int n = snprintf(line, sizeof line, "%ld %s db%s %zu\n", counted, call, rest, length);
    if (real_write(fd, line, (size_t)n) != n) abort();
    close(fd);
}

enum verdict { GO_ON, FAIL, HALF, AFTER };

/* Counts the call and says what becomes of it. */
static enum verdict judge(const char *call, const char *path, size_t length) {
    if (!armed || !ours(path)) return GO_ON;
    counted += 1;
    trace(call, path, length);
    const char *what = setting("ANJU_SHIM_DO");
    long at = atol(setting("ANJU_SHIM_AT"));
    int on = starts(what, "eio-on") || starts(what, "enospc-on");
    if (on && at && counted >= at && !healed) {
        tripped = 1;
    } else if (counted != at) {
        return GO_ON;
    }
    if (starts(what, "kill-before")) die();
    if (starts(what, "power-cut")) {
        take_back();
        die();
    }
    if (starts(what, "kill-within")) return HALF;
    if (starts(what, "kill-after")) return AFTER;
    if (starts(what, "eio")) errno = EIO;
    if (starts(what, "enospc")) errno = ENOSPC;
    return starts(what, "e") ? FAIL : GO_ON;
}

static void order(const char *bytes, size_t length) {
    if (length >= 3 && strncmp(bytes, "arm", 3) == 0) armed = 1;
    if (length >= 4 && strncmp(bytes, "heal", 4) == 0) healed = 1;
    if (length >= 3 && strncmp(bytes, "cut", 3) == 0) {
        take_back();
        die();
    }
}

static ssize_t written(int fd, const void *bytes, size_t length, off64_t at, int positioned) {
    char path[PATH_MAX];
    if (!path_of(fd, path)) return positioned ? real_pwrite(fd, bytes, length, at) : real_write(fd, bytes, length);
    if (is_order(path)) {
        order(bytes, length);
        return real_write(fd, bytes, length);
    }
    if (!ours(path)) return positioned ? real_pwrite(fd, bytes, length, at) : real_write(fd, bytes, length);
    pthread_mutex_lock(&lock);
    off64_t place = positioned ? at : lseek64(fd, 0, SEEK_CUR);
    enum verdict verdict = judge("write", path, length);
    ssize_t done = -1;
    if (verdict != FAIL) {
        if (starts(setting("ANJU_SHIM_DO"), "power-cut")) remember(fd, path, place, length);
        size_t part = verdict == HALF ? length / 2 : length;
        done = positioned ? real_pwrite(fd, bytes, part, at) : real_write(fd, bytes, part);
        if (verdict != GO_ON) die();
    }
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int fd, const void *bytes, size_t length) { return written(fd, bytes, length, 0, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return written(fd, bytes, length, at, 1); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { return written(fd, bytes, length, at, 1); }

static int synced(int fd, const char *call, int (*real)(int)) {
    char path[PATH_MAX];
    if (!path_of(fd, path) || !ours(path)) return real(fd);
    pthread_mutex_lock(&lock);
    enum verdict verdict = judge(call, path, 0);
    int done = -1;
    if (verdict == HALF) die();
    if (verdict != FAIL) {
        done = real(fd);
        if (done == 0) made_durable(path);
        if (verdict == AFTER) die();
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int fd) { return synced(fd, "sync", real_fsync); }
int fdatasync(int fd) { return synced(fd, "sync", real_fdatasync); }

static int cut(int fd, off64_t size) {
    char path[PATH_MAX];
    if (!path_of(fd, path) || !ours(path)) return real_ftruncate(fd, size);
    pthread_mutex_lock(&lock);
    enum verdict verdict = judge("truncate", path, (size_t)size);
    int done = -1;
    if (verdict == HALF) die();
    if (verdict != FAIL) {
        if (starts(setting("ANJU_SHIM_DO"), "power-cut")) remember(fd, path, size, (size_t)-1 >> 1);
        done = real_ftruncate(fd, size);
        if (verdict == AFTER) die();
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off64_t size) { return cut(fd, size); }

int unlink(const char *path) {
    if (!ours(path)) return real_unlink(path);
    pthread_mutex_lock(&lock);
    enum verdict verdict = judge("unlink", path, 0);
    int done = -1;
    if (verdict == HALF) die();
    if (verdict != FAIL) {
        done = real_unlink(path);
        if (verdict == AFTER) die();
    }
    pthread_mutex_unlock(&lock);
    return done;
}
