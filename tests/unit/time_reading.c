#include <fcntl.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "multihead/base/clock.h"
#include "multihead/base/memory.h"
#include "multihead/base/random.h"
#include "multihead/data/dataset.h"

/*
 * How fast data sets of each layout are read, in rows a second: no test, for whoever works on reading.
 *
 *   time_reading FOLDER [ROWS] [TURNS] [LAYOUT]
 *
 * Files of 64 features and 20 labels are made in FOLDER where they are not there yet, and read turn and turn about out of
 * the page cache, in blocks of BLOCK_ROWS: by the program's reader, and by HDF5 alone as h5py does it. `taskset -c 0`
 * shows one core.
 */

enum { INPUTS = 64, HEADS = 20, CHUNK_ROWS = 4096, BLOCK_ROWS = 100000, TURNS_MAX = 99, PATH_BYTES = 4096 };

typedef struct {
    const char *name;
    bool is_chunked;
    int deflate;  /* 0: without, and without shuffle */
    bool is_wide; /* float64 and int64, as numpy has them */
} layout;

static const layout layouts[] = {{"contiguous", false, 0, false}, {"chunked", true, 0, false},
                                 {"gzip-1", true, 1, false},      {"gzip-4", true, 4, false},
                                 {"wide", false, 0, true},        {"wide-gzip-1", true, 1, true}};

enum { LAYOUTS = sizeof layouts / sizeof layouts[0], READERS = 2 };

static float features[BLOCK_ROWS * INPUTS];
static mh_label labels[BLOCK_ROWS * HEADS];
static uint8_t bytes[BLOCK_ROWS * HEADS];

/* ---- files ---- */

/* Two decimals, as measurements have. */
static void make_rows(size_t first, size_t count)
{
    mh_random stream = mh_random_stream(1, MH_RANDOM_SHUFFLE, 0, 0);

    for (size_t i = 0; i < count * INPUTS; i++) {
        size_t bits = mh_random_below(&stream, first * INPUTS + i, (size_t)1 << 32);
        double sum = 0;

        for (int k = 0; k < 4; k++)
            sum += (double)(bits >> 8 * k & 255) / 255.0 - 0.5;
        features[i] = (float)(round(sum * 100) / 100);
    }
    for (size_t i = 0; i < count * HEADS; i++)
        bytes[i] = features[i % INPUTS + i / HEADS * INPUTS] + features[i] > 0.4f;
}

static hid_t add(hid_t file, const layout *l, const char *name, hid_t type, size_t rows, size_t columns)
{
    const hsize_t sizes[2] = {rows, columns}, chunk[2] = {rows < CHUNK_ROWS ? rows : CHUNK_ROWS, columns};
    hid_t space = H5Screate_simple(2, sizes, NULL), properties = H5Pcreate(H5P_DATASET_CREATE);

    if (l->is_chunked)
        H5Pset_chunk(properties, 2, chunk);
    if (l->deflate > 0) {
        H5Pset_shuffle(properties);
        H5Pset_deflate(properties, (unsigned)l->deflate);
    }
    hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    H5Pclose(properties);
    H5Sclose(space);
    return dataset;
}

/* Rows from or to a dataset, with what h5py asks of HDF5. */
static void transfer(hid_t dataset, bool writes, size_t first, size_t count, size_t columns, hid_t type,
                     void *data)
{
    const hsize_t start[2] = {first, 0}, size[2] = {count, columns};
    hid_t space = H5Dget_space(dataset), memory = H5Screate_simple(2, size, NULL);

    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, size, NULL);
    herr_t result = writes ? H5Dwrite(dataset, type, memory, space, H5P_DEFAULT, data)
                           : H5Dread(dataset, type, memory, space, H5P_DEFAULT, data);
    H5Sclose(memory);
    H5Sclose(space);
    if (result < 0)
        abort();
}

static void make_file(const char *path, const layout *l, size_t rows)
{
    struct stat info;

    if (stat(path, &info) == 0)
        return;
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t x = add(file, l, "features", l->is_wide ? H5T_IEEE_F64LE : H5T_IEEE_F32LE, rows, INPUTS);
    hid_t y = add(file, l, "labels", l->is_wide ? H5T_STD_I64LE : H5T_STD_U8LE, rows, HEADS);

    for (size_t row = 0; row < rows; row += CHUNK_ROWS * 16) {
        size_t count = rows - row < CHUNK_ROWS * 16 ? rows - row : CHUNK_ROWS * 16;

        make_rows(row, count);
        transfer(x, true, row, count, INPUTS, H5T_NATIVE_FLOAT, features);
        transfer(y, true, row, count, HEADS, H5T_NATIVE_UINT8, bytes);
    }
    H5Dclose(x);
    H5Dclose(y);
    H5Fclose(file);
}

/* ---- readers ---- */

static void must(mh_status status)
{
    if (status == MH_OK)
        return;
    fprintf(stderr, "%s\n", mh_status_message());
    exit(1);
}

static void read_with_multihead(const char *path, size_t rows)
{
    mh_dataset_config config = {.paths = (char *const[]){(char *)path}, .path_count = 1};
    mh_dataset *dataset = NULL;

    must(mh_dataset_open(&config, &dataset));
    for (size_t row = 0; row < rows; row += BLOCK_ROWS)
        must(mh_dataset_read(dataset, (mh_span){row, rows - row < BLOCK_ROWS ? rows - row : BLOCK_ROWS},
                             features, labels));
    mh_dataset_close(dataset);
}

static void read_with_hdf5(const char *path, size_t rows)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t x = H5Dopen2(file, "features", H5P_DEFAULT), y = H5Dopen2(file, "labels", H5P_DEFAULT);

    for (size_t row = 0; row < rows; row += BLOCK_ROWS) {
        size_t count = rows - row < BLOCK_ROWS ? rows - row : BLOCK_ROWS;

        transfer(x, false, row, count, INPUTS, H5T_NATIVE_FLOAT, features);
        transfer(y, false, row, count, HEADS, H5T_NATIVE_UINT8, bytes);
    }
    H5Dclose(x);
    H5Dclose(y);
    H5Fclose(file);
}

/* All bytes of the file: what the file system gives. */
static void read_plain(const char *path)
{
    int file = open(path, O_RDONLY);

    while (read(file, features, sizeof features) > 0)
        ;
    close(file);
}

/* ---- timing ---- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

typedef struct {
    double best, median;
} timing;

static timing timing_of(double *seconds, size_t turns)
{
    qsort(seconds, turns, sizeof *seconds, compare);
    return (timing){seconds[0], seconds[turns / 2]};
}

int main(int count, char **words)
{
    static double seconds[LAYOUTS][READERS + 1][TURNS_MAX];
    char path[PATH_BYTES];
    size_t rows = count > 2 ? strtoull(words[2], NULL, 10) : 2000000;
    size_t turns = count > 3 ? strtoull(words[3], NULL, 10) : 5;

    const char *only = count > 4 ? words[4] : NULL;

    if (count < 2 || turns < 1 || turns > TURNS_MAX) {
        fprintf(stderr, "usage: time_reading FOLDER [ROWS] [TURNS] [LAYOUT]\n");
        return 2;
    }
    for (size_t turn = 0; turn < turns + 1; turn++) { /* the first one is to warm up */
        for (size_t i = 0; i < LAYOUTS; i++) {
            if (only != NULL && strcmp(only, layouts[i].name) != 0)
                continue;
            snprintf(path, sizeof path, "%s/%s-%zu.h5", words[1], layouts[i].name, rows);
            make_file(path, &layouts[i], rows);
            double start = mh_clock_seconds();
            read_with_multihead(path, rows);
            double middle = mh_clock_seconds();
            read_with_hdf5(path, rows);
            double later = mh_clock_seconds();
            read_plain(path);
            double end = mh_clock_seconds();
            if (turn == 0)
                continue;
            seconds[i][0][turn - 1] = middle - start;
            seconds[i][1][turn - 1] = later - middle;
            seconds[i][2][turn - 1] = end - later;
        }
    }
    printf(
        "million rows a second, best and median of %zu; x%d float32 + %d uint8\n%-14s %15s %15s %15s %8s\n",
        turns, INPUTS, HEADS, "", "multihead", "HDF5 alone", "read(2)", "x HDF5");
    for (size_t i = 0; i < LAYOUTS; i++) {
        if (only != NULL && strcmp(only, layouts[i].name) != 0)
            continue;
        printf("%-14s", layouts[i].name);
        timing t[READERS + 1];
        for (size_t r = 0; r < READERS + 1; r++) {
            t[r] = timing_of(seconds[i][r], turns);
            printf(" %7.2f %7.2f", 1e-6 * (double)rows / t[r].best, 1e-6 * (double)rows / t[r].median);
        }
        printf(" %8.2f\n", t[1].median / t[0].median);
    }
    return 0;
}
