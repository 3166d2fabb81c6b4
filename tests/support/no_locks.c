#include <errno.h>
#include <stdlib.h>
#include <sys/file.h>

/* Loaded in front of the C library, makes every file system one that refuses locks, with the error that
 * MULTIHEAD_TEST_FLOCK_ERRNO says. */
int flock(int descriptor, int operation)
{
    const char *told = getenv("MULTIHEAD_TEST_FLOCK_ERRNO");

    (void)descriptor;
    (void)operation;
    errno = told != NULL ? atoi(told) : ENOLCK;
    return -1;
}
