#include "recipe.h"

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "multihead/data/seal.h"
#include "promise.h"

enum {
    TYPES = 28,
    DIMENSIONS_MAX = 3,
    WRITTEN_BYTES = 1 << 16, /* larger datasets are made without values      */
    VALUES_MAX = 8,          /* that a recipe says; they go round            */
    STEPS_MAX = 64
};

#define COUNT(list)          (sizeof(list) / sizeof(list)[0])
#define ONE_OF(list, recipe) ((list)[recipe_take(recipe) % COUNT(list)])

static const char *const objects[] = {"features",
                                      "labels",
                                      "x",
                                      "y",
                                      "X",
                                      "Y",
                                      "/",
                                      "model",
                                      "model/fc1.weight",
                                      "model/fc1.bias",
                                      "model/fc2.weight",
                                      "model/fc2.bias",
                                      "model/out1.weight",
                                      "model/out1.bias",
                                      "model/out2.weight",
                                      "model/out2.bias",
                                      "model/wide.weight",
                                      "base_rates",
                                      "standardization",
                                      "standardization/mean",
                                      "standardization/deviation",
                                      "thresholds",
                                      "checksums",
                                      "checksums/names",
                                      "checksums/xxh3_64",
                                      "history",
                                      "step",
                                      "epoch",
                                      "batch",
                                      "skipped",
                                      "stage",
                                      "stage_epoch",
                                      "best_epoch",
                                      "kept_step",
                                      "adam_steps",
                                      "seconds",
                                      "rate",
                                      "best_loss",
                                      "kept_loss",
                                      "head_loss",
                                      "epoch_loss",
                                      "row_checksum",
                                      "first_moment/fc1.weight",
                                      "second_moment/out2.bias",
                                      "best/fc1.weight"};

static const char *const attributes[] = {"num_classes",   "label_names", "class_names",     "feature_names",
                                         "missing_value", "format",      "format_version",  "inputs",
                                         "hidden",        "is_binary",   "head_sigmoid",    "linear_path",
                                         "options",       "versions",    "validation_fold", "limit"};

static const char *const texts[] = {"",
                                    "a",
                                    "b",
                                    "x",
                                    "no,yes",
                                    "0,1,2",
                                    "multihead model",
                                    "features",
                                    "model/fc1.weight",
                                    "checksums/names",
                                    "epochs = 7\n",
                                    "\xff\xfe,,\n",
                                    "1,2,0.5,0.25,1,1000,0.125,1\n",
                                    "epoch,step,validation_loss,stage\n1,1,nan,9\n"};

static const int64_t integers[] = {-1,    INT64_MIN, INT64_MAX, 254,       255,        256,
                                   65534, 65535,     65536,     INT32_MAX, UINT32_MAX, (int64_t)1 << 40};

static const double reals[] = {NAN, INFINITY, -INFINITY, 1e300, -1e300, 1e-300, 3.4e38, 0.5, -0.0, 1e-45};

uint8_t recipe_take(recipe *recipe)
{
    return recipe->next < recipe->end ? *recipe->next++ : 0;
}

/* ---- types ---- */

static hid_t compound_type(void)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, 12);

    H5Tinsert(type, "r", 0, H5T_STD_I32LE);
    H5Tinsert(type, "i", 4, H5T_IEEE_F64LE);
    return type;
}

static hid_t enum_type(hid_t base)
{
    hid_t type = H5Tenum_create(base);
    int8_t values[2] = {0, 1};

    H5Tenum_insert(type, "FALSE", &values[0]);
    H5Tenum_insert(type, "TRUE", &values[1]);
    return type;
}

static hid_t text_type(size_t bytes)
{
    hid_t type = H5Tcopy(H5T_C_S1);

    H5Tset_size(type, bytes);
    return type;
}

static hid_t integer_type(size_t bytes)
{
    hid_t type = H5Tcopy(H5T_STD_I64LE);

    H5Tset_size(type, bytes);
    return type;
}

/* IEEE's half, which h5py calls float16. */
static hid_t half_type(void)
{
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);

    H5Tset_fields(type, 15, 10, 5, 0, 10);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, 15);
    return type;
}

/* The common ones first. To be closed. */
static hid_t make_type(unsigned which)
{
    const hsize_t pair[1] = {2};

    switch (which) {
    case 0:
        return H5Tcopy(H5T_IEEE_F32LE);
    case 1:
        return H5Tcopy(H5T_IEEE_F64LE);
    case 2:
        return H5Tcopy(H5T_STD_I8LE);
    case 3:
        return H5Tcopy(H5T_STD_U8LE);
    case 4:
        return H5Tcopy(H5T_STD_I16LE);
    case 5:
        return H5Tcopy(H5T_STD_U16LE);
    case 6:
        return H5Tcopy(H5T_STD_I32LE);
    case 7:
        return H5Tcopy(H5T_STD_U32LE);
    case 8:
        return H5Tcopy(H5T_STD_I64LE);
    case 9:
        return H5Tcopy(H5T_STD_U64LE);
    case 10:
        return text_type(H5T_VARIABLE);
    case 11:
        return text_type(1);
    case 12:
        return text_type(17);
    case 13:
        return text_type(300);
    case 14:
        return enum_type(H5T_STD_I8LE);
    case 15:
        return H5Tcopy(H5T_STD_I32BE);
    case 16:
        return H5Tcopy(H5T_STD_U64BE);
    case 17:
        return H5Tcopy(H5T_IEEE_F32BE);
    case 18:
        return half_type();
    case 19:
        return H5Tcopy(H5T_NATIVE_LDOUBLE);
    case 20:
        return compound_type();
    case 21:
        return H5Tarray_create2(H5T_STD_I32LE, 1, pair);
    case 22:
        return H5Tcreate(H5T_OPAQUE, 8);
    case 23:
        return H5Tcopy(H5T_STD_B8LE);
    case 24:
        return integer_type(16);
    case 25:
        return integer_type(3);
    case 26:
        return H5Tcopy(H5T_STD_REF_OBJ);
    default:
        return H5Tvlen_create(H5T_STD_I32LE);
    }
}

/* ---- shapes ---- */

/* Small ones, powers of two up to 2^63 and one less. */
static hsize_t take_size(recipe *recipe)
{
    unsigned code = recipe_take(recipe);

    return code < 128 ? code : ((hsize_t)1 << (code - 128) / 2) - (code & 1);
}

typedef struct {
    int dimensions; /* -1: nothing at all */
    hsize_t size[DIMENSIONS_MAX];
    uint64_t elements; /* UINT64_MAX: more than can be counted */
} shape;

static shape take_shape(recipe *recipe)
{
    static const int dimensions[] = {2, 1, 2, 1, 0, -1, 3, 2};
    shape shape = {.dimensions = ONE_OF(dimensions, recipe), .elements = 1};

    for (int i = 0; i < shape.dimensions; i++) {
        shape.size[i] = take_size(recipe);
        if (__builtin_mul_overflow(shape.elements, shape.size[i], &shape.elements))
            shape.elements = UINT64_MAX;
    }
    if (shape.dimensions < 0)
        shape.elements = 0;
    return shape;
}

static hid_t make_space(const shape *shape, bool can_grow)
{
    const hsize_t most[DIMENSIONS_MAX] = {H5S_UNLIMITED, H5S_UNLIMITED, H5S_UNLIMITED};

    if (shape->dimensions < 0)
        return H5Screate(H5S_NULL);
    if (shape->dimensions == 0)
        return H5Screate(H5S_SCALAR);
    return H5Screate_simple(shape->dimensions, shape->size, can_grow ? most : NULL);
}

/* ---- values ---- */

typedef struct {
    uint8_t code[VALUES_MAX];
    size_t count;
} values;

static values take_values(recipe *recipe)
{
    values values = {.count = 1 + recipe_take(recipe) % VALUES_MAX};

    for (size_t i = 0; i < values.count; i++)
        values.code[i] = recipe_take(recipe);
    return values;
}

static void put_number(uint8_t code, H5T_class_t class, size_t bytes, bool is_big_endian, char *place)
{
    int64_t integer = code < 192 ? code % 32 : integers[code % COUNT(integers)];
    double real = code < 192 ? code % 32 : reals[code % COUNT(reals)];
    float single = (float)real;
    char number[sizeof integer];

    if (class == H5T_FLOAT && bytes == sizeof real)
        memcpy(number, &real, sizeof real);
    else if (class == H5T_FLOAT && bytes == sizeof single)
        memcpy(number, &single, sizeof single);
    else
        memcpy(number, &integer, sizeof integer);
    for (size_t i = 0; i < bytes; i++) {
        char byte = i < sizeof number ? number[i] : integer < 0 ? -1 : 0;

        place[is_big_endian ? bytes - 1 - i : i] = byte;
    }
}

/* [count] elements of a type, NULL where it is one whose elements are elsewhere. */
static char *make_elements(const values *values, hid_t type, size_t count)
{
    H5T_class_t class = H5Tget_class(type);
    size_t bytes = H5Tget_size(type);
    bool is_variable = H5Tis_variable_str(type) > 0, is_big_endian = H5Tget_order(type) == H5T_ORDER_BE;
    char *elements = class == H5T_VLEN || class == H5T_REFERENCE ? NULL : calloc(count + 1, bytes);

    for (size_t i = 0; elements != NULL && i < count; i++) {
        uint8_t code = values->code[i % values->count];
        const char *text = texts[code % COUNT(texts)];
        char *place = elements + i * bytes;

        if (is_variable && code < 255) /* or nothing at all */
            memcpy(place, &text, sizeof text);
        else if (class == H5T_STRING && !is_variable)
            memcpy(place, text, strlen(text) < bytes ? strlen(text) : bytes);
        else if (!is_variable)
            put_number(code, class, bytes, is_big_endian, place);
    }
    return elements;
}

/* ---- steps ---- */

/* The groups on the way are made. */
static hid_t link_properties(void)
{
    hid_t properties = H5Pcreate(H5P_LINK_CREATE);

    H5Pset_create_intermediate_group(properties, 1);
    return properties;
}

static void remove_link(hid_t file, const char *name)
{
    if (strcmp(name, "/") != 0)
        H5Ldelete(file, name, H5P_DEFAULT);
}

/* Returns whether values are to be written, and can be. */
static bool choose_layout(recipe *recipe, hid_t properties, const shape *shape, hid_t space)
{
    unsigned layout = recipe_take(recipe) % 8;
    hsize_t chunk[DIMENSIONS_MAX] = {1, 1, 1};

    switch (layout) {
    case 3: /* chunks, with holes where there are no values */
    case 4:
    case 5:
        for (int i = 0; i < shape->dimensions; i++)
            chunk[i] = take_size(recipe);
        if (shape->dimensions > 0)
            H5Pset_chunk(properties, shape->dimensions, chunk);
        if (layout > 3) {
            H5Pset_shuffle(properties);
            H5Pset_deflate(properties, 1);
        }
        return layout < 5;
    case 2:
        H5Pset_layout(properties, H5D_COMPACT);
        return true;
    case 6:
        H5Pset_external(properties, "/dev/zero", 0, H5F_UNLIMITED);
        return false;
    case 7:
        /* Of a file that is not there: HDF5 itself comes to no end where a dataset is made of its own rows. */
        H5Pset_virtual(properties, space, "no-such-file.h5", "x", space);
        return false;
    default: /* contiguous: with values, or without a place in the file */
        return layout == 0;
    }
}

/* A chunk of that many bytes is made in memory as a whole. */
static bool chunk_is_small(hid_t properties, size_t element_bytes)
{
    hsize_t chunk[DIMENSIONS_MAX] = {1, 1, 1}, bytes = element_bytes;

    if (H5Pget_layout(properties) != H5D_CHUNKED)
        return true;
    H5Pget_chunk(properties, DIMENSIONS_MAX, chunk);
    for (int i = 0; i < DIMENSIONS_MAX; i++)
        if (__builtin_mul_overflow(bytes, chunk[i], &bytes))
            return false;
    return bytes <= WRITTEN_BYTES;
}

static void make_dataset(recipe *recipe, hid_t file)
{
    const char *name = ONE_OF(objects, recipe);
    hid_t type = make_type(recipe_take(recipe) % TYPES), links = link_properties();
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    shape shape = take_shape(recipe);
    hid_t fixed = make_space(&shape, false), growing = make_space(&shape, true);
    bool is_written = choose_layout(recipe, properties, &shape, fixed);
    values values = take_values(recipe);
    size_t bytes = H5Tget_size(type);
    bool is_chunked = H5Pget_layout(properties) == H5D_CHUNKED;

    remove_link(file, name);
    hid_t dataset =
        H5Dcreate2(file, name, type, is_chunked ? growing : fixed, links, properties, H5P_DEFAULT);
    if (dataset >= 0 && is_written && shape.elements <= WRITTEN_BYTES / bytes &&
        chunk_is_small(properties, bytes)) {
        char *elements = make_elements(&values, type, (size_t)shape.elements);

        if (elements != NULL)
            H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, elements);
        free(elements);
    }
    if (dataset >= 0)
        H5Dclose(dataset);
    H5Sclose(fixed);
    H5Sclose(growing);
    H5Pclose(properties);
    H5Pclose(links);
    H5Tclose(type);
}

static void make_attribute(recipe *recipe, hid_t file)
{
    const char *object = ONE_OF(objects, recipe), *name = ONE_OF(attributes, recipe);
    hid_t type = make_type(recipe_take(recipe) % TYPES), id = H5I_INVALID_HID;
    shape shape = take_shape(recipe);
    hid_t space = make_space(&shape, false);
    values values = take_values(recipe);
    size_t bytes = H5Tget_size(type);

    H5Adelete_by_name(file, object, name, H5P_DEFAULT);
    if (space >= 0 && shape.elements <= WRITTEN_BYTES / bytes)
        id = H5Acreate_by_name(file, object, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (id >= 0) {
        char *elements = make_elements(&values, type, (size_t)shape.elements);

        if (elements != NULL && shape.elements > 0)
            H5Awrite(id, type, elements);
        free(elements);
        H5Aclose(id);
    }
    H5Sclose(space);
    H5Tclose(type);
}

static void make_link(recipe *recipe, hid_t file)
{
    const char *name = ONE_OF(objects, recipe), *target = ONE_OF(objects, recipe);
    hid_t links = link_properties(), group = H5I_INVALID_HID;

    remove_link(file, name);
    switch (recipe_take(recipe) % 4) {
    case 0:
        H5Lcreate_soft(target, file, name, links, H5P_DEFAULT);
        break;
    case 1:
        H5Lcreate_hard(file, target, file, name, links, H5P_DEFAULT);
        break;
    case 2:
        H5Lcreate_external("no-such-file.h5", target, file, name, links, H5P_DEFAULT);
        break;
    default:
        group = H5Gcreate2(file, name, links, H5P_DEFAULT, H5P_DEFAULT);
    }
    if (group >= 0)
        H5Gclose(group);
    H5Pclose(links);
}

static void make_nothing(recipe *recipe, hid_t file)
{
    const char *object = ONE_OF(objects, recipe), *name = ONE_OF(attributes, recipe);

    if (recipe_take(recipe) % 2 == 0)
        H5Adelete_by_name(file, object, name, H5P_DEFAULT);
    else
        remove_link(file, object);
}

static void cook(recipe *recipe, hid_t file)
{
    static void (*const steps[])(struct recipe *, hid_t) = {make_dataset,   make_attribute, make_dataset,
                                                            make_attribute, make_link,      make_nothing};

    for (size_t i = 0; i < STEPS_MAX && recipe->next < recipe->end; i++)
        ONE_OF(steps, recipe)(recipe, file);
}

recipe_proof recipe_choose_proof(unsigned byte)
{
    static const recipe_proof proofs[] = {RECIPE_BARE, RECIPE_CHECKSUMS, RECIPE_SEALED, RECIPE_SEALED};

    return proofs[byte % 4];
}

temporary_file recipe_cook(recipe *recipe, const our_file *base, recipe_proof proof)
{
    temporary_file file =
        temporary_file_create(base != NULL ? base->bytes : "", base != NULL ? base->contents : 0);
    hid_t id = H5I_INVALID_HID;

    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    id = base != NULL ? H5Fopen(file.path, H5F_ACC_RDWR, H5P_DEFAULT)
                      : H5Fcreate(file.path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (id < 0)
        abort();
    if (proof == RECIPE_BARE)
        H5Ldelete(id, "checksums", H5P_DEFAULT);
    cook(recipe, id);
    if (H5Fclose(id) < 0)
        abort();
    promise_all_is_closed();
    if (proof == RECIPE_SEALED && mh_seal_append(file.path, file.path) != MH_OK)
        abort();
    return file;
}
