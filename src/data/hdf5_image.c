#include "multihead/data/hdf5_image.h"

#include <assert.h>
#include <string.h>

#include "hdf5_parts.h"
#include "multihead/base/memory.h"
#include "multihead/data/seal.h"

typedef struct {
    char *name;
    size_t first, bytes; /* of the image             */
    bool is_new;         /* put since the last seal  */
} place;

struct mh_hdf5_image {
    hdf5_memory *memory;  /* the file, with its seal         */
    size_t content_bytes; /* without                         */
    size_t checksums;     /* where /checksums/xxh3_64 is */
    place *places;        /* [count] in the order of the checksums */
    size_t count;
    size_t next; /* the place that is probably put next */
};

/* Where the elements of a contiguous dataset are in the file. */
static mh_status find_place(const mh_hdf5_file *file, const char *name, size_t *first, size_t *bytes)
{
    mh_status status = MH_OK;
    hid_t dataset = H5Dopen2(file->id, name, H5P_DEFAULT);
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    haddr_t offset = H5Dget_offset(dataset);

    *bytes = (size_t)H5Sget_simple_extent_npoints(space) * H5Tget_size(type);
    *first = offset == HADDR_UNDEF ? 0 : (size_t)offset;
    if (*bytes > 0 && offset == HADDR_UNDEF)
        status = MH_FAIL(MH_ERR_FORMAT, "%s: /%s has no place of its own", file->path, name);
    H5Tclose(type);
    H5Sclose(space);
    H5Dclose(dataset);
    return status;
}

static mh_status find_places(const mh_hdf5_file *file, mh_hdf5_image *image)
{
    mh_status status = MH_OK;
    size_t bytes = 0;

    MH_TRY(mh_memory_array(file->written_count, sizeof *image->places, &image->places));
    image->count = file->written_count;
    for (size_t i = 0; i < image->count; i++) {
        place *place = &image->places[i];

        MH_TRY(mh_memory_text(file->written[i].name, &place->name));
        MH_TRY(find_place(file, place->name, &place->first, &place->bytes));
    }
    if (image->count > 0)
        MH_TRY(find_place(file, HDF5_CHECKSUM_VALUES, &image->checksums, &bytes));
cleanup:
    return status;
}

mh_status mh_hdf5_image_create(mh_hdf5_file *file, mh_hdf5_image **out)
{
    HDF5_ALONE;
    mh_status status = MH_OK;
    mh_hdf5_image *image = NULL;

    assert(file->memory != NULL);
    MH_TRY(mh_memory_new(sizeof *image, &image));
    MH_TRY(hdf5_write_checksums(file));
    MH_TRY(find_places(file, image));
    MH_TRY(hdf5_close_id(file));
    MH_TRY(hdf5_memory_seal(file->memory, &image->content_bytes));
    image->memory = file->memory;
    file->memory = NULL;
cleanup:
    if (status != MH_OK) {
        mh_hdf5_image_destroy(image);
        image = NULL;
    }
    *out = image;
    return status;
}

void mh_hdf5_image_destroy(mh_hdf5_image *image)
{
    if (image == NULL)
        return;
    for (size_t i = 0; i < image->count; i++)
        mh_memory_free(image->places[i].name);
    mh_memory_free(image->places);
    hdf5_memory_destroy(image->memory);
    mh_memory_free(image);
}

/* Most are put in the order in which they were made. */
static place *find(mh_hdf5_image *image, const char *name)
{
    for (size_t i = 0; i < image->count; i++) {
        place *place = &image->places[(image->next + i) % image->count];

        if (strcmp(place->name, name) == 0) {
            image->next = (size_t)(place - image->places) + 1;
            return place;
        }
    }
    return NULL;
}

void *mh_hdf5_image_place(mh_hdf5_image *image, const char *name, size_t *bytes)
{
    place *place = find(image, name);

    assert(place != NULL);
    place->is_new = true;
    *bytes = place->bytes;
    return image->memory->bytes + place->first;
}

void mh_hdf5_image_put(mh_hdf5_image *image, const char *name, const void *data, size_t bytes)
{
    size_t there = 0;
    void *contents = mh_hdf5_image_place(image, name, &there);

    assert(bytes == there);
    memcpy(contents, data, bytes);
}

const void *mh_hdf5_image_seal(mh_hdf5_image *image, size_t *bytes)
{
    for (size_t i = 0; i < image->count; i++) {
        place *place = &image->places[i];

        if (place->is_new)
            hdf5_checksum_store(mh_checksum(image->memory->bytes + place->first, place->bytes),
                                image->memory->bytes + image->checksums + i * sizeof(uint64_t));
        place->is_new = false;
    }
    *bytes = mh_seal_put(image->memory->bytes, image->content_bytes);
    return image->memory->bytes;
}
