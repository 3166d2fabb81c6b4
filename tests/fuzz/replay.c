#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/*
 * Runs each file of a folder through a fuzz harness, in a build without a fuzzer: so the harness does not rot, and
 * what a fuzzer once found stays found.
 *
 *   replay FOLDER
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 1 << 20, PATH_BYTES = 4096, MEMORY_BYTES = 1 << 30 };

/* No seed is a reason to ask for so much; a sanitizer has needs and limits of its own. */
static void limit_memory(void)
{
#ifndef MULTIHEAD_SANITIZE
    const struct rlimit limit = {MEMORY_BYTES, MEMORY_BYTES};

    setrlimit(RLIMIT_DATA, &limit);
#endif
}

static int replay(const char *path)
{
    static uint8_t data[BYTES_MAX];
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        return 0;
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    /* Of its own size, so that a sanitizer sees every step too far. */
    uint8_t *exact = malloc(size + 1);
    for (size_t i = 0; exact != NULL && i < size; i++)
        exact[i] = data[i];
    if (exact != NULL)
        LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 1;
}

int main(int argc, char **argv)
{
    char path[PATH_BYTES];
    int files = 0;
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;

    limit_memory();
    if (folder == NULL) {
        fprintf(stderr, "usage: replay FOLDER\n");
        return 2;
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        fprintf(stderr, "%s\n", path); /* the last one is the one that crashed */
        files += replay(path);
    }
    closedir(folder);
    printf("%d files\n", files);
    return files > 0 ? 0 : 1;
}
