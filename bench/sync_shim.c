/* Replaces the syncs of a process by sleeps of a set length, and counts them.
 *
 * The time of a commit is the disk's; here it moves by a factor of twenty within minutes. With this
 * shim every candidate of a run has the same disk. SAYSO_SYNC_US: microseconds for each sync.
 * SAYSO_SYNC_COUNT: the file that gets the number of syncs when the process ends.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_long syncs;
static long microseconds = -1;

static int sync_instead(void) {
    if (microseconds < 0) {
        const char *text = getenv("SAYSO_SYNC_US");
        microseconds = text ? atol(text) : 0;
    }
    atomic_fetch_add(&syncs, 1);
    usleep((useconds_t)microseconds);
    return 0;
}

int fsync(int file) {
    (void)file;
    return sync_instead();
}

int fdatasync(int file) {
    (void)file;
    return sync_instead();
}

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("SAYSO_SYNC_COUNT");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "%ld\n", atomic_load(&syncs));
        fclose(file);
    }
}
