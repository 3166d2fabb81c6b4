#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Loaded in front of libc, makes one allocation of the program multihead fail:
 *
 *   MH_FAIL_MALLOC=n       the n-th, from 1
 *   MH_FAIL_MALLOC_IN=M    of those that M asks for: program, its own code (so it is when nothing is said); work,
 *                          everybody from when MPI has started until it ends; all, everybody
 *   MH_FAIL_MALLOC_RANK=r  on one of mpirun's ranks only
 *   MH_FAIL_MALLOC_LOG=F   writes to the file F who asked for the one that failed; or, at the end of a process in
 *                          which none did, how many there were
 */

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static bool is_active, counts_all, counts_work, has_failed;
static bool is_work = true; /* or before it, or after */
static size_t failing, calls;
static uintptr_t first, end; /* of the program's own code */

static int keep_first_object(struct dl_phdr_info *info, size_t size, void *nothing)
{
    (void)size;
    (void)nothing;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

        if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X) != 0) {
            first = from;
            end = from + info->dlpi_phdr[i].p_memsz;
        }
    }
    return 1; /* the program comes first */
}

__attribute__((constructor)) static void begin(void)
{
    const char *number = getenv("MH_FAIL_MALLOC"), *in = getenv("MH_FAIL_MALLOC_IN");
    const char *wanted = getenv("MH_FAIL_MALLOC_RANK"), *rank = getenv("OMPI_COMM_WORLD_RANK");

    if (number == NULL || strcmp(program_invocation_short_name, "multihead") != 0 ||
        (wanted != NULL && (rank == NULL || strcmp(wanted, rank) != 0)))
        return;
    failing = strtoull(number, NULL, 10);
    counts_all = in != NULL && strcmp(in, "program") != 0;
    counts_work = in != NULL && strcmp(in, "work") == 0;
    is_work = !counts_work;
    dl_iterate_phdr(keep_first_object, NULL);
    is_active = true;
}

static void write_log(const char *text)
{
    const char *path = getenv("MH_FAIL_MALLOC_LOG");
    int file = path != NULL ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;

    if (file >= 0 && write(file, text, strlen(text)) < 0)
        _exit(125);
    if (file >= 0)
        close(file);
}

__attribute__((destructor)) static void finish(void)
{
    char text[32];

    if (!is_active || has_failed)
        return;
    is_active = false;
    snprintf(text, sizeof text, "%zu", calls);
    write_log(text);
}

static void *fail(const void *caller)
{
    Dl_info info = {0};

    has_failed = true;
    write_log(dladdr(caller, &info) != 0 && info.dli_fname != NULL ? info.dli_fname : "?");
    errno = ENOMEM;
    return NULL;
}

static bool is_the_one(const void *caller)
{
    bool is_own = (uintptr_t)caller >= first && (uintptr_t)caller < end;

    if (!is_active || has_failed || !is_work || !(counts_all || is_own))
        return false;
    return __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) == failing;
}

/* In front of MPI's own: the program calls no other ways in and out. */

int MPI_Init(int *count, char ***words)
{
    int (*initialize)(int *, char ***) = (int (*)(int *, char ***))dlsym(RTLD_NEXT, "MPI_Init");
    int result = initialize(count, words);

    is_work = true;
    return result;
}

int MPI_Finalize(void)
{
    int (*finalize)(void) = (int (*)(void))dlsym(RTLD_NEXT, "MPI_Finalize");

    is_work = !counts_work;
    return finalize();
}

#define FAIL_OR(allocate)                                                                                    \
    (is_the_one(__builtin_return_address(0)) ? fail(__builtin_return_address(0)) : (allocate))

void *malloc(size_t bytes)
{
    return FAIL_OR(__libc_malloc(bytes));
}

void *calloc(size_t count, size_t bytes)
{
    return FAIL_OR(__libc_calloc(count, bytes));
}

void *realloc(void *old, size_t bytes)
{
    return FAIL_OR(__libc_realloc(old, bytes));
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return FAIL_OR(__libc_memalign(alignment, bytes));
}

void *memalign(size_t alignment, size_t bytes)
{
    return FAIL_OR(__libc_memalign(alignment, bytes));
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    void *memory = FAIL_OR(__libc_memalign(alignment, bytes));

    if (memory == NULL)
        return ENOMEM;
    *out = memory;
    return 0;
}
