// Lets calls on paths of one folder fail; see file_system_faults.py, which preloads this.
//
// FAULT_FOLDER   the folder
// FAULT_COUNTER  a file of two ints that all processes share: calls so far, calls that failed
// FAULT_CALL     number of the call to fail, from 1; 0: none
// FAULT_ERROR    its errno; 0: a write takes only a part
// FAULT_REPEATS  1: the calls after it fail, too

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int *counter;  // calls, hits
static const char *folder;
static int fault_call, fault_error, repeats;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("FAULT_COUNTER");
    folder = getenv("FAULT_FOLDER");
    if (!path || !folder) return;
    fault_call = atoi(getenv("FAULT_CALL"));
    fault_error = atoi(getenv("FAULT_ERROR"));
    repeats = atoi(getenv("FAULT_REPEATS"));
    int file = REAL(open)(path, O_RDWR);
    void *page = mmap(NULL, 2 * sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    REAL(close)(file);
    counter = page == MAP_FAILED ? NULL : page;
}

// Whether the next call on a path fails. A short write waits for a write.
static int fails(const char *path, int is_write) {
    size_t length = strlen(folder);
    if (strncmp(path, folder, length) != 0 || (path[length] != '/' && path[length] != 0)) return 0;
    int number = __sync_add_and_fetch(&counter[0], 1);
    if (!fault_call || number < fault_call || (!fault_error && !is_write)) return 0;
    if (!repeats && !__sync_bool_compare_and_swap(&counter[1], 0, 1)) return 0;
    if (repeats) __sync_add_and_fetch(&counter[1], 1);
    return 1;
}

static int path_fails(int parent, const char *path) {
    char full[2 * PATH_MAX], link[64];
    if (!counter || !path) return 0;
    if (path[0] == '/') return fails(path, 0);
    ssize_t length = 0;
    if (parent == AT_FDCWD) {
        if (!getcwd(full, PATH_MAX)) return 0;
        length = strlen(full);
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", parent);
        if ((length = readlink(link, full, PATH_MAX - 1)) < 0) return 0;
    }
    snprintf(full + length, sizeof full - length, "/%s", path);
    return fails(full, 0);
}

static int file_fails(int file, int is_write) {
    char path[PATH_MAX], link[64];
    if (!counter) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return fails(path, is_write);
}

static int refuse(void) {
    errno = fault_error ? fault_error : EIO;
    return -1;
}

// ---- files ----

ssize_t write(int file, const void *data, size_t size) {
    if (size && file_fails(file, 1)) {
        if (fault_error) return refuse();
        size = (size + 1) / 2;
    }
    return REAL(write)(file, data, size);
}

ssize_t pwrite(int file, const void *data, size_t size, off_t offset) {
    if (size && file_fails(file, 1)) {
        if (fault_error) return refuse();
        size = (size + 1) / 2;
    }
    return REAL(pwrite)(file, data, size, offset);
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t offset) {
    if (size && file_fails(file, 1)) {
        if (fault_error) return refuse();
        size = (size + 1) / 2;
    }
    return REAL(pwrite64)(file, data, size, offset);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    if (count && file_fails(file, 1)) {
        if (fault_error) return refuse();
        count = 1;
    }
    return REAL(writev)(file, parts, count);
}

int fsync(int file) {
    return file_fails(file, 0) ? refuse() : REAL(fsync)(file);
}

int fdatasync(int file) {
    return file_fails(file, 0) ? refuse() : REAL(fdatasync)(file);
}

int close(int file) {
    int flags = counter ? fcntl(file, F_GETFL) : 0;
    int is_failing = flags != -1 && (flags & O_ACCMODE) != O_RDONLY && file_fails(file, 0);
    int result = REAL(close)(file);  // the descriptor is gone in any case
    return is_failing ? refuse() : result;
}

// ---- names ----

#define MODE(flags)                                        \
    mode_t mode = 0;                                       \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {               \
        va_list arguments;                                 \
        va_start(arguments, flags);                        \
        mode = va_arg(arguments, mode_t);                  \
        va_end(arguments);                                 \
    }

#define WRITES(flags) (((flags) & O_ACCMODE) != O_RDONLY || ((flags) & O_CREAT))

int open(const char *path, int flags, ...) {
    MODE(flags)
    return WRITES(flags) && path_fails(AT_FDCWD, path) ? refuse() : REAL(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE(flags)
    return WRITES(flags) && path_fails(AT_FDCWD, path) ? refuse() : REAL(open64)(path, flags, mode);
}

int openat(int parent, const char *path, int flags, ...) {
    MODE(flags)
    return WRITES(flags) && path_fails(parent, path) ? refuse() : REAL(openat)(parent, path, flags, mode);
}

int openat64(int parent, const char *path, int flags, ...) {
    MODE(flags)
    return WRITES(flags) && path_fails(parent, path) ? refuse() : REAL(openat64)(parent, path, flags, mode);
}

int mkdir(const char *path, mode_t mode) {
    return path_fails(AT_FDCWD, path) ? refuse() : REAL(mkdir)(path, mode);
}

int rename(const char *source, const char *target) {
    return path_fails(AT_FDCWD, target) ? refuse() : REAL(rename)(source, target);
}

int renameat(int source_parent, const char *source, int target_parent, const char *target) {
    if (path_fails(target_parent, target)) return refuse();
    return REAL(renameat)(source_parent, source, target_parent, target);
}

int link(const char *source, const char *target) {
    return path_fails(AT_FDCWD, target) ? refuse() : REAL(link)(source, target);
}

int linkat(int source_parent, const char *source, int target_parent, const char *target, int flags) {
    if (path_fails(target_parent, target)) return refuse();
    return REAL(linkat)(source_parent, source, target_parent, target, flags);
}
