/* Counts the syncs of the processes it is preloaded into, and can replace them by sleeps.
 *
 * The time of a commit is the disk's; here it moves by a factor of twenty within minutes. With
 * SAYSO_SYNC_US every candidate of a run has the same disk: that many microseconds for each sync.
 * Without it the syncs are real, and only counted.
 * SAYSO_SYNC_COUNT: the file that gets the number of syncs when the process ends.
 * SAYSO_SYNC_SHARED: a file of eight bytes in which all processes count together, as they go; its
 * number is in the machine's own order of bytes.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long own;
static atomic_long *shared;
static long microseconds = -1;

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("SAYSO_SYNC_US");
    const char *path = getenv("SAYSO_SYNC_SHARED");
    int file = path ? open(path, O_RDWR) : -1;
    microseconds = text ? atol(text) : -1;
    if (file >= 0) {
        void *map = mmap(NULL, sizeof(atomic_long), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        shared = map == MAP_FAILED ? NULL : map;
        close(file);
    }
}

static int sync_counted(long call, int file) {
    atomic_fetch_add(&own, 1);
    if (shared) {
        atomic_fetch_add(shared, 1);
    }
    if (microseconds < 0) {
        return (int)syscall(call, file);
    }
    usleep((useconds_t)microseconds);
    return 0;
}

int fsync(int file) {
    return sync_counted(SYS_fsync, file);
}

int fdatasync(int file) {
    return sync_counted(SYS_fdatasync, file);
}

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("SAYSO_SYNC_COUNT");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "%ld\n", atomic_load(&own));
        fclose(file);
    }
}
