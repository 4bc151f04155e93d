/* A disk whose fsync takes FSYNC_DELAY_US longer: the delay of a cloud disk, on any machine. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_as_told(void) {
    static long delay = -1;
    if (delay < 0) delay = atol(getenv("FSYNC_DELAY_US") ? getenv("FSYNC_DELAY_US") : "0");
    if (delay > 0) usleep(delay);
}

int fsync(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fsync");
    wait_as_told();
    return real(fd);
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
    wait_as_told();
    return real(fd);
}
