/* Lets fsync and fdatasync of some files fail, as a disk does that is breaking.
 *
 * FSYNC_FAILS=TEXT:N: of the files whose path contains TEXT, the N-th call and all after it;
 * with N+ only that one: a disk tells each error once. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fails(int fd) {
    static int calls;
    const char *told = getenv("FSYNC_FAILS");
    const char *colon = told ? strrchr(told, ':') : NULL;
    if (!colon) return 0;
    char link[64], path[4096], text[256];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    snprintf(text, sizeof text, "%.*s", (int)(colon - told), told);
    if (!strstr(path, text)) return 0;
    int call = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST), from = atoi(colon + 1);
    return strchr(colon, '+') ? call == from : call >= from;
}

static int with(const char *name, int fd) {
    if (fails(fd)) {
        errno = EIO;
        return -1;
    }
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    return real(fd);
}

int fsync(int fd) { return with("fsync", fd); }
int fdatasync(int fd) { return with("fdatasync", fd); }
